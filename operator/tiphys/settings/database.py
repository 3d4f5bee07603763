"""Databases: where they are, how to sign in, what is kept in them. Passwords stay in Secrets: only their names are here."""

import msgspec

from tiphys.model.base import Json, KeySelector
from tiphys.settings.base import Duration, Settings


class ConnectionPool(Settings, frozen=True):
    """How many connections; 0 means the driver's own choice, no life time means for ever."""

    max_idle_conns: int = 0
    max_open_conns: int = 0
    conn_max_lifetime: Duration | None = None


class ReconnectionConfig(Settings, frozen=True):
    """How a lost connection is tried again: `base_delay_seconds` 0 means 100 ms."""

    max_retries: int = 5
    base_delay_seconds: int = 0
    max_delay_seconds: int = 30
    retry_multiple: float = 2.0


class AzureToken(Settings, frozen=True):
    """Sign in by a token of Azure."""

    enabled: bool = False
    scope: str = ""


class AWSRDSToken(Settings, frozen=True):
    """Sign in by a token of AWS RDS."""

    enabled: bool = False
    region: str = ""


class PostgreSQL(Settings, frozen=True):
    """A PostgreSQL database."""

    host: str = ""
    port: int = 5432
    database: str = ""
    table_name: str = ""
    user_name_secret: KeySelector | None = None
    password_secret: KeySelector | None = None
    ssl: bool = False
    ssl_mode: str = ""
    azure_token: AzureToken | None = None
    aws_rds_token: AWSRDSToken | None = msgspec.field(default=None, name="awsRDSToken")


class MySQL(Settings, frozen=True):
    """A MySQL or MariaDB database; `options` go into its connection string."""

    host: str = ""
    port: int = 3306
    database: str = ""
    table_name: str = ""
    user_name_secret: KeySelector | None = None
    password_secret: KeySelector | None = None
    options: dict[str, str] = {}


class Database(Settings, frozen=True):
    """One database, PostgreSQL or MySQL."""

    postgresql: PostgreSQL | None = None
    mysql: MySQL | None = None
    connection_pool: ConnectionPool | None = None
    reconnection_config: ReconnectionConfig | None = None
    skip_migration: bool = False


class Persistence(Database, frozen=True):
    """Offloaded node statuses and archived workflows."""

    archive: bool = False
    archive_label_selector: Json | None = None
    archive_ttl: Duration | None = msgspec.field(default=None, name="archiveTTL")
    cluster_name: str = "default"
    node_status_off_load: bool = False
    connection_timeout_seconds: int = 5


class Synchronization(Database, frozen=True):
    """Locks in a database, and how they are polled."""

    controller_name: str = ""
    enable_api: bool = msgspec.field(default=False, name="enableAPI")
    limit_table_name: str = "sync_limit"
    state_table_name: str = "sync_state"
    controller_table_name: str = "sync_controller"
    lock_table_name: str = "sync_lock"
    poll_seconds: int = 10
    heartbeat_seconds: int = 60
    inactive_controller_seconds: int = 600
    semaphore_limit_cache_seconds: int | None = None
