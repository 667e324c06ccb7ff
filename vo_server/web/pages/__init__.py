"""The pages for people: templates beside the handlers that fill them."""
