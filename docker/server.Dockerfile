# The server. Build from the top of the tree:
#
#   docker build --file docker/server.Dockerfile --tag vo-server .
#
# Versions are those of constraints.txt; the steps are scripts that the tests run, too.

FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY constraints.txt ./
COPY docker/install-python.sh docker/apt-install.sh docker/
COPY pyproject.toml README.md LICENSE ./
COPY vo_server vo_server
COPY ingest ingest
COPY sql sql
RUN docker/install-python.sh /opt/build build hatchling \
 && /opt/build/bin/python -m build --wheel --no-isolation \
 && docker/install-python.sh /opt/vo-server dist/*.whl

FROM python:3.11-slim-bookworm
COPY --from=build /opt/vo-server /opt/vo-server
COPY docker/serve.sh docker/healthcheck.sh /usr/local/bin/
RUN useradd --system --uid 10001 --home-dir /data vo && install --directory --owner=vo --group=vo /data
USER vo
WORKDIR /data
VOLUME /data
ENV PATH=/opt/vo-server/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VO_DATABASE=duckdb:////data \
    VO_UWS__RESULTS_DIR=/data/results \
    VO_SERVER__HOST=0.0.0.0 \
    VO_SERVER__PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["healthcheck.sh"]
ENTRYPOINT ["serve.sh"]
CMD ["vo-server", "serve"]
