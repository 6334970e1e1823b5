"""Begin the ledger.

The schema as it was, frozen: geesync/store/tables/schema.py moves on, this does not.
"""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
CREATE TABLE cell (
    root_id INTEGER NOT NULL,
    cell INTEGER NOT NULL,
    state TEXT NOT NULL,
    assets INTEGER NOT NULL,
    CONSTRAINT pk_cell PRIMARY KEY (root_id, cell, state)
)
 WITHOUT ROWID
""",
    """
CREATE TABLE root (
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    dest TEXT NOT NULL,
    bucket TEXT NOT NULL,
    options TEXT DEFAULT '{}' NOT NULL,
    interval_s FLOAT,
    added_at FLOAT NOT NULL,
    removed_at FLOAT,
    next_scan_at FLOAT NOT NULL,
    scanned_at FLOAT,
    excluded INTEGER DEFAULT '0' NOT NULL,
    alarm TEXT,
    quota TEXT,
    paused_at FLOAT,
    CONSTRAINT pk_root PRIMARY KEY (id),
    CONSTRAINT uq_root_name UNIQUE (name)
)
""",
    """
CREATE TABLE sample (
    at FLOAT NOT NULL,
    told TEXT NOT NULL,
    CONSTRAINT pk_sample PRIMARY KEY (at)
)
""",
    """
CREATE TABLE setting (
    "key" TEXT NOT NULL,
    value TEXT NOT NULL,
    at FLOAT NOT NULL,
    CONSTRAINT pk_setting PRIMARY KEY ("key")
)
""",
    """
CREATE TABLE tally (
    root_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    state TEXT NOT NULL,
    assets INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    CONSTRAINT pk_tally PRIMARY KEY (root_id, type, state)
)
 WITHOUT ROWID
""",
    """
CREATE TABLE total (
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    value FLOAT NOT NULL,
    CONSTRAINT pk_total PRIMARY KEY (name, label)
)
 WITHOUT ROWID
""",
    """
CREATE TABLE trouble (
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    assets INTEGER NOT NULL,
    CONSTRAINT pk_trouble PRIMARY KEY (kind, state)
)
 WITHOUT ROWID
""",
    """
CREATE TABLE asset (
    id INTEGER NOT NULL,
    root_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    parent_id INTEGER,
    type TEXT NOT NULL,
    path TEXT COLLATE "NOCASE" NOT NULL,
    revision TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    state TEXT NOT NULL,
    version INTEGER DEFAULT '0' NOT NULL,
    priority INTEGER DEFAULT '0' NOT NULL,
    failures INTEGER DEFAULT '0' NOT NULL,
    not_before FLOAT,
    cause TEXT,
    reason TEXT,
    left_out TEXT,
    seen_at FLOAT NOT NULL,
    proved_at FLOAT,
    gone_at FLOAT,
    verified_revision TEXT,
    verified_at FLOAT,
    checked_at FLOAT,
    west FLOAT,
    south FLOAT,
    east FLOAT,
    north FLOAT,
    catalogued_version INTEGER,
    extent TEXT,
    CONSTRAINT pk_asset PRIMARY KEY (id),
    CONSTRAINT ck_asset_state CHECK (state IN ('discovered', 'exporting', 'in_bucket', 'downloaded', 'verified', 'quarantined', 'gone', 'excluded')),
    CONSTRAINT ck_asset_quarantine_has_cause CHECK (state <> 'quarantined' OR cause IS NOT NULL),
    CONSTRAINT ck_asset_verified_has_time CHECK (state <> 'verified' OR verified_at IS NOT NULL),
    CONSTRAINT ck_asset_failures CHECK (failures >= 0),
    CONSTRAINT fk_asset_root_id_root FOREIGN KEY(root_id) REFERENCES root (id),
    CONSTRAINT uq_asset_name UNIQUE (name),
    CONSTRAINT fk_asset_parent_id_asset FOREIGN KEY(parent_id) REFERENCES asset (id),
    CONSTRAINT uq_asset_path UNIQUE (path)
)
""",
    """
CREATE INDEX ix_asset_cause ON asset (cause) WHERE cause IS NOT NULL
""",
    """
CREATE INDEX ix_asset_checked ON asset (checked_at) WHERE state IN ('verified', 'gone')
""",
    """
CREATE INDEX ix_asset_due ON asset (state, priority DESC)
""",
    """
CREATE INDEX ix_asset_left_out ON asset (id) WHERE left_out IS NOT NULL
""",
    """
CREATE INDEX ix_asset_parent ON asset (parent_id)
""",
    """
CREATE INDEX ix_asset_trouble ON asset (cause, state) WHERE cause IS NOT NULL
""",
    """
CREATE INDEX ix_asset_uncatalogued ON asset (id) WHERE state IN ('verified', 'gone') AND catalogued_version IS NOT version
""",
    """
CREATE TABLE event (
    id INTEGER NOT NULL,
    asset_id INTEGER NOT NULL,
    at FLOAT NOT NULL,
    name TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    detail TEXT,
    CONSTRAINT pk_event PRIMARY KEY (id),
    CONSTRAINT fk_event_asset_id_asset FOREIGN KEY(asset_id) REFERENCES asset (id)
)
""",
    """
CREATE INDEX ix_event_asset ON event (asset_id)
""",
    """
CREATE TABLE export (
    id INTEGER NOT NULL,
    asset_id INTEGER NOT NULL,
    part TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    "plan" BLOB NOT NULL,
    revision TEXT NOT NULL,
    token TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    bucket TEXT NOT NULL,
    prefix TEXT NOT NULL,
    operation TEXT,
    state TEXT NOT NULL,
    intended_at FLOAT NOT NULL,
    ended_at FLOAT,
    cause TEXT,
    error TEXT,
    found TEXT,
    eecu_s FLOAT,
    CONSTRAINT pk_export PRIMARY KEY (id),
    CONSTRAINT ck_export_state CHECK (state IN ('intended', 'unclear', 'running', 'succeeded', 'failed', 'disproved', 'cancelled', 'lost', 'refused', 'abandoned')),
    CONSTRAINT ck_export_running_is_known CHECK (state <> 'running' OR operation IS NOT NULL),
    CONSTRAINT fk_export_asset_id_asset FOREIGN KEY(asset_id) REFERENCES asset (id),
    CONSTRAINT uq_export_token UNIQUE (token)
)
""",
    """
CREATE INDEX ix_export_asset ON export (asset_id)
""",
    """
CREATE INDEX ix_export_state ON export (state) WHERE state IN ('intended', 'unclear', 'running')
""",
    """
CREATE UNIQUE INDEX uq_export_live ON export (asset_id, part) WHERE state IN ('intended', 'unclear', 'running', 'succeeded')
""",
    """
CREATE UNIQUE INDEX uq_export_operation ON export (operation) WHERE state IN ('intended', 'unclear', 'running')
""",
    """
CREATE TABLE sidecar (
    asset_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    crc32c INTEGER NOT NULL,
    CONSTRAINT pk_sidecar PRIMARY KEY (asset_id, name),
    CONSTRAINT fk_sidecar_asset_id_asset FOREIGN KEY(asset_id) REFERENCES asset (id)
)
 WITHOUT ROWID
""",
    """
CREATE TABLE source (
    asset_id INTEGER NOT NULL,
    json BLOB NOT NULL,
    CONSTRAINT pk_source PRIMARY KEY (asset_id),
    CONSTRAINT fk_source_asset_id_asset FOREIGN KEY(asset_id) REFERENCES asset (id) ON DELETE CASCADE
)
""",
    """
CREATE TABLE object (
    id INTEGER NOT NULL,
    export_id INTEGER NOT NULL,
    suffix TEXT NOT NULL,
    generation INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    crc32c INTEGER NOT NULL,
    sha256 BLOB,
    file TEXT NOT NULL,
    landed_at FLOAT,
    swept_at FLOAT,
    CONSTRAINT pk_object PRIMARY KEY (id),
    CONSTRAINT ck_object_swept_after_landed CHECK (swept_at IS NULL OR landed_at IS NOT NULL),
    CONSTRAINT fk_object_export_id_export FOREIGN KEY(export_id) REFERENCES export (id)
)
""",
    """
CREATE INDEX ix_object_unswept ON object (export_id) WHERE swept_at IS NULL
""",
    """
CREATE UNIQUE INDEX uq_object_export_id_suffix ON object (export_id, suffix)
""",
    """
CREATE TRIGGER tally_insert AFTER INSERT ON asset BEGIN
    INSERT INTO tally (root_id, type, state, assets, size_bytes)
    VALUES (NEW.root_id, NEW.type, NEW.state, 1, NEW.size_bytes)
    ON CONFLICT DO UPDATE SET assets = assets + 1, size_bytes = size_bytes + excluded.size_bytes;
 END
""",
    """
CREATE TRIGGER tally_update AFTER UPDATE OF root_id, type, state, size_bytes ON asset BEGIN
    UPDATE tally SET assets = assets - 1, size_bytes = size_bytes - OLD.size_bytes
    WHERE root_id = OLD.root_id AND type = OLD.type AND state = OLD.state;
    INSERT INTO tally (root_id, type, state, assets, size_bytes)
    VALUES (NEW.root_id, NEW.type, NEW.state, 1, NEW.size_bytes)
    ON CONFLICT DO UPDATE SET assets = assets + 1, size_bytes = size_bytes + excluded.size_bytes;
 END
""",
    """
CREATE TRIGGER tally_delete AFTER DELETE ON asset BEGIN
    UPDATE tally SET assets = assets - 1, size_bytes = size_bytes - OLD.size_bytes
    WHERE root_id = OLD.root_id AND type = OLD.type AND state = OLD.state;
 END
""",
    """
CREATE TRIGGER cell_insert AFTER INSERT ON asset BEGIN
    INSERT INTO cell (root_id, cell, state, assets)
    SELECT NEW.root_id, CAST((NEW.south + NEW.north + 180) / 4 AS INTEGER) * 180 + CAST((NEW.west + NEW.east + 360) / 4 AS INTEGER) % 180, NEW.state, 1 WHERE NEW.west IS NOT NULL
    ON CONFLICT DO UPDATE SET assets = assets + 1;
 END
""",
    """
CREATE TRIGGER cell_update AFTER UPDATE OF root_id, state, west, south, east, north ON asset BEGIN
    UPDATE cell SET assets = assets - 1 WHERE root_id = OLD.root_id AND cell = CAST((OLD.south + OLD.north + 180) / 4 AS INTEGER) * 180 + CAST((OLD.west + OLD.east + 360) / 4 AS INTEGER) % 180 AND state = OLD.state;
    DELETE FROM cell WHERE root_id = OLD.root_id AND cell = CAST((OLD.south + OLD.north + 180) / 4 AS INTEGER) * 180 + CAST((OLD.west + OLD.east + 360) / 4 AS INTEGER) % 180 AND state = OLD.state AND assets = 0;
    INSERT INTO cell (root_id, cell, state, assets)
    SELECT NEW.root_id, CAST((NEW.south + NEW.north + 180) / 4 AS INTEGER) * 180 + CAST((NEW.west + NEW.east + 360) / 4 AS INTEGER) % 180, NEW.state, 1 WHERE NEW.west IS NOT NULL
    ON CONFLICT DO UPDATE SET assets = assets + 1;
 END
""",
    """
CREATE TRIGGER cell_delete AFTER DELETE ON asset BEGIN
    UPDATE cell SET assets = assets - 1 WHERE root_id = OLD.root_id AND cell = CAST((OLD.south + OLD.north + 180) / 4 AS INTEGER) * 180 + CAST((OLD.west + OLD.east + 360) / 4 AS INTEGER) % 180 AND state = OLD.state;
    DELETE FROM cell WHERE root_id = OLD.root_id AND cell = CAST((OLD.south + OLD.north + 180) / 4 AS INTEGER) * 180 + CAST((OLD.west + OLD.east + 360) / 4 AS INTEGER) % 180 AND state = OLD.state AND assets = 0;
 END
""",
    """
CREATE TRIGGER trouble_insert AFTER INSERT ON asset BEGIN
    INSERT INTO trouble (kind, state, assets)
    SELECT NEW.cause, NEW.state, 1 WHERE NEW.cause IS NOT NULL
    ON CONFLICT DO UPDATE SET assets = assets + 1;

    INSERT INTO trouble (kind, state, assets)
    SELECT 'left_out', '', 1 WHERE NEW.left_out IS NOT NULL
    ON CONFLICT DO UPDATE SET assets = assets + 1;
 END
""",
    """
CREATE TRIGGER trouble_update AFTER UPDATE OF cause, state ON asset WHEN coalesce(OLD.cause, NEW.cause) IS NOT NULL BEGIN
    UPDATE trouble SET assets = assets - 1 WHERE kind = OLD.cause AND state = OLD.state;

    INSERT INTO trouble (kind, state, assets)
    SELECT NEW.cause, NEW.state, 1 WHERE NEW.cause IS NOT NULL
    ON CONFLICT DO UPDATE SET assets = assets + 1;
 END
""",
    """
CREATE TRIGGER trouble_delete AFTER DELETE ON asset BEGIN
    UPDATE trouble SET assets = assets - 1 WHERE kind = OLD.cause AND state = OLD.state;

    UPDATE trouble SET assets = assets - 1 WHERE kind = 'left_out' AND OLD.left_out IS NOT NULL;
 END
""",
    """
CREATE TRIGGER left_out_update AFTER UPDATE OF left_out ON asset WHEN coalesce(OLD.left_out, NEW.left_out) IS NOT NULL BEGIN
    UPDATE trouble SET assets = assets - 1 WHERE kind = 'left_out' AND OLD.left_out IS NOT NULL;

    INSERT INTO trouble (kind, state, assets)
    SELECT 'left_out', '', 1 WHERE NEW.left_out IS NOT NULL
    ON CONFLICT DO UPDATE SET assets = assets + 1;
 END
""",
    """
CREATE TRIGGER total_moves AFTER INSERT ON event WHEN NEW.from_state IS NOT NEW.to_state BEGIN INSERT INTO total (name, label, value) VALUES ('moves', coalesce(NEW.from_state, '') || '>' || NEW.to_state, 1) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_asked AFTER INSERT ON export BEGIN INSERT INTO total (name, label, value) VALUES ('exports', 'asked', 1) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_ended AFTER UPDATE OF state ON export WHEN OLD.state IN ('intended', 'unclear', 'running') AND NEW.state NOT IN ('intended', 'unclear', 'running') BEGIN INSERT INTO total (name, label, value) VALUES ('exports', NEW.state, 1) ON CONFLICT DO UPDATE SET value = value + excluded.value;INSERT INTO total (name, label, value) VALUES ('export_s', NEW.state, coalesce(NEW.ended_at - NEW.intended_at, 0)) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_computed AFTER UPDATE OF eecu_s ON export WHEN OLD.eecu_s IS NULL AND NEW.eecu_s IS NOT NULL BEGIN INSERT INTO total (name, label, value) VALUES ('eecu_s', '', NEW.eecu_s) ON CONFLICT DO UPDATE SET value = value + excluded.value;INSERT INTO total (name, label, value) VALUES ('eecu_s_of_month', strftime('%Y-%m', coalesce(NEW.ended_at, NEW.intended_at), 'unixepoch'), NEW.eecu_s) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_landed AFTER UPDATE OF landed_at ON object WHEN OLD.landed_at IS NULL AND NEW.landed_at IS NOT NULL BEGIN INSERT INTO total (name, label, value) VALUES ('landed_objects', '', 1) ON CONFLICT DO UPDATE SET value = value + excluded.value;INSERT INTO total (name, label, value) VALUES ('landed_bytes', '', NEW.size_bytes) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_swept AFTER UPDATE OF swept_at ON object WHEN OLD.swept_at IS NULL AND NEW.swept_at IS NOT NULL BEGIN INSERT INTO total (name, label, value) VALUES ('swept_bytes', '', NEW.size_bytes) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_staged AFTER INSERT ON object WHEN NEW.swept_at IS NULL AND (SELECT state FROM export WHERE id = NEW.export_id) = 'succeeded' BEGIN INSERT INTO total (name, label, value) VALUES ('staged_bytes', '', NEW.size_bytes) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_unstaged AFTER UPDATE OF swept_at ON object WHEN OLD.swept_at IS NULL AND NEW.swept_at IS NOT NULL AND (SELECT state FROM export WHERE id = NEW.export_id) = 'succeeded' BEGIN INSERT INTO total (name, label, value) VALUES ('unstaged_bytes', '', NEW.size_bytes) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_staged_whole AFTER UPDATE OF state ON export WHEN OLD.state <> 'succeeded' AND NEW.state = 'succeeded' BEGIN INSERT INTO total (name, label, value) VALUES ('staged_bytes', '', (SELECT coalesce(sum(size_bytes), 0) FROM object WHERE export_id = NEW.id AND swept_at IS NULL)) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_unstaged_whole AFTER UPDATE OF state ON export WHEN OLD.state = 'succeeded' AND NEW.state <> 'succeeded' BEGIN INSERT INTO total (name, label, value) VALUES ('unstaged_bytes', '', (SELECT coalesce(sum(size_bytes), 0) FROM object WHERE export_id = NEW.id AND swept_at IS NULL)) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "object",
        "source",
        "sidecar",
        "export",
        "event",
        "asset",
        "trouble",
        "total",
        "tally",
        "setting",
        "sample",
        "root",
        "cell",
    ):
        op.drop_table(table)
