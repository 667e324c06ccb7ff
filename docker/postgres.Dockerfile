# PostgreSQL 15 with Q3C, both from Debian 12, which keeps their versions. Build from the top of the tree:
#
#   docker build --file docker/postgres.Dockerfile --tag vo-postgres .
#
# The steps are scripts that `make test` runs, too.

FROM debian:bookworm-slim
COPY docker/apt-install.sh docker/install-postgres.sh docker/serve-postgres.sh /usr/local/bin/
RUN install-postgres.sh && rm -rf /var/lib/apt/lists/* \
 && install --directory --owner=postgres --group=postgres --mode=700 /var/lib/vo-postgres
USER postgres
# The socket lies beside the cluster: `psql vo` in the container is the superuser's door.
ENV PATH=/usr/lib/postgresql/15/bin:$PATH \
    PGHOST=/var/lib/vo-postgres
VOLUME /var/lib/vo-postgres
EXPOSE 5432
# SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["pg_isready", "--quiet", "--dbname=vo"]
ENTRYPOINT ["serve-postgres.sh", "/var/lib/vo-postgres"]
CMD ["-c", "listen_addresses=*"]
