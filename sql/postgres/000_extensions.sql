-- Q3C: the index and the functions of the sphere. Installing it takes a superuser; where it is there nothing happens.
CREATE EXTENSION IF NOT EXISTS q3c;
