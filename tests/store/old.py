"""Stores as older versions made them: the statements of their time, which never change."""

from __future__ import annotations

import sqlite3

import psycopg

from tests.support.stores import Place
from vo_server.store.open import directory_of

__all__ = ["OLD_JOB", "make_old_store"]

OLD_JOB = "0123456789abcdef0123456789abcdef"
"""A job that was completed with 7 rows."""

_FORMAT_1 = """
CREATE TABLE format (id INTEGER NOT NULL, version INTEGER NOT NULL, created_by TEXT NOT NULL, PRIMARY KEY (id));
CREATE TABLE jobs (
  id TEXT NOT NULL, phase TEXT NOT NULL, owner TEXT, run_id TEXT, created {time} NOT NULL, destruction {time} NOT NULL,
  execution_duration_s BIGINT NOT NULL, queued {time}, started {time}, ended {time}, quote {time}, error_message TEXT,
  error_code TEXT, error_is_transient BOOLEAN, worker TEXT, lease_until {time},
  n_attempts INTEGER DEFAULT '0' NOT NULL, PRIMARY KEY (id)
);
CREATE INDEX jobs_queue_idx ON jobs (phase, queued);
CREATE INDEX jobs_owner_idx ON jobs (owner, created);
CREATE INDEX jobs_destruction_idx ON jobs (destruction);
CREATE TABLE schemas (
  name TEXT NOT NULL, folded_name TEXT NOT NULL, title TEXT, description TEXT, utype TEXT, position INTEGER,
  PRIMARY KEY (name), UNIQUE (folded_name)
);
CREATE TABLE stamps (id INTEGER NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (id));
CREATE TABLE job_parameters (
  job_id TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (job_id, position), FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE job_results (
  job_id TEXT NOT NULL, id TEXT NOT NULL, path TEXT NOT NULL, mime TEXT NOT NULL, size_bytes BIGINT NOT NULL,
  n_rows BIGINT NOT NULL, overflow BOOLEAN NOT NULL, PRIMARY KEY (job_id, id),
  FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE releases (
  id {serial} NOT NULL, schema_name TEXT NOT NULL, full_name TEXT NOT NULL, folded_name TEXT NOT NULL,
  version TEXT NOT NULL, location TEXT NOT NULL, is_current BOOLEAN NOT NULL, created {time} NOT NULL,
  code_version TEXT NOT NULL, sources TEXT NOT NULL, description TEXT NOT NULL, PRIMARY KEY (id),
  CONSTRAINT releases_full_name_version_key UNIQUE (full_name, version),
  FOREIGN KEY(schema_name) REFERENCES schemas (name), UNIQUE (location)
);
CREATE UNIQUE INDEX releases_current_idx ON releases (folded_name) WHERE is_current;
INSERT INTO format VALUES (1, 1, '0.1.0');
INSERT INTO stamps VALUES (1, 42);
INSERT INTO jobs (id, phase, owner, created, destruction, execution_duration_s, started, ended, n_attempts) VALUES (
  '0123456789abcdef0123456789abcdef', 'COMPLETED', 'ada', '2026-03-04 05:06:07.000000{zone}',
  '2036-03-04 05:06:07.000000{zone}', 600, '2026-03-04 05:06:08.000000{zone}', '2026-03-04 05:06:09.000000{zone}', 1
);
INSERT INTO schemas (name, folded_name) VALUES ('s', 's');
INSERT INTO releases (id, schema_name, full_name, folded_name, version, location, is_current, created, code_version,
  sources, description) VALUES (1, 's', 's.t', 's.t', 'r1', 'tables/s/t/r1.duckdb', {true},
  '2026-03-04 05:06:07.000000{zone}', '0.1.0', '{{"files":[]}}',
  '{{"schema":"s","name":"t","columns":[{{"name":"x","datatype":["int",null,null]}}],"n_rows":7,"release":"r1",
  "location":"tables/s/t/r1.duckdb"}}');
INSERT INTO job_parameters VALUES ('0123456789abcdef0123456789abcdef', 0, 'QUERY', 'SELECT 1 AS n');
INSERT INTO job_results VALUES (
  '0123456789abcdef0123456789abcdef', 'result', '0123456789abcdef0123456789abcdef/result-1.vot', 'text/xml', 99, 7,
  {true}
);
"""


def make_old_store(place: Place) -> None:
    """Make a store of format 1 with one job, and one release of 7 rows of ``s.t``."""
    directory = directory_of(place.url)
    if directory is None:
        with psycopg.connect(place.url) as connection:
            connection.execute(f"CREATE SCHEMA {place.schema}".encode())
            connection.execute(f"SET search_path TO {place.schema}".encode())
            script = _FORMAT_1.format(time="TIMESTAMP WITH TIME ZONE", serial="SERIAL", zone="+00", true="true")
            connection.execute(script.encode())
        return
    directory.mkdir(parents=True)
    file = sqlite3.connect(directory / "catalogue.sqlite")
    file.executescript(_FORMAT_1.format(time="DATETIME", serial="INTEGER", zone="", true="1"))
    file.close()
