-- The schema of the releases. With psql: SET vo.data_schema = 'vo_data'; before this file.
-- CREATE SCHEMA IF NOT EXISTS asks for the privilege to create one even where it exists, hence the question before it.
DO $$
DECLARE
  wanted text := current_setting('vo.data_schema');
BEGIN
  IF to_regnamespace(quote_ident(wanted)) IS NULL THEN
    EXECUTE format('CREATE SCHEMA %I', wanted);
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', wanted, 'Releases of tables published by vo-server; one table each');
  END IF;
END
$$;
