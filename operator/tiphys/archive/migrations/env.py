"""Run by Alembic: revisions in the connection, and in the transaction, that `archive.migrate` holds."""

from alembic import context

from tiphys.archive.migrate import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE, transactional_ddl=False)
context.run_migrations()
