"""SQL: the archive of finished workflows and the nodes of large live ones. The only importer of sqlalchemy and alembic."""
