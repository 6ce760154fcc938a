-- Written by MLflow 3.17.2: the tables of its SQLite store that are read.
CREATE TABLE "experiments" (
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	artifact_location VARCHAR(256), 
	lifecycle_stage VARCHAR(32), 
	creation_time BIGINT, 
	last_update_time BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), 
	CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT uq_experiments_workspace_name UNIQUE (workspace, name)
);
INSERT INTO experiments VALUES (0, 'Default', '/store/mlruns/0', 'active', 1795786437163, 1795786437163, 'default');
INSERT INTO experiments VALUES (1, 'digits', '/store/mlruns/1', 'active', 1795786437206, 1795786437206, 'default');
CREATE TABLE "runs" (
	run_uuid VARCHAR(32) NOT NULL, 
	name VARCHAR(250), 
	source_type VARCHAR(20), 
	source_name VARCHAR(500), 
	entry_point_name VARCHAR(50), 
	user_id VARCHAR(256), 
	status VARCHAR(9), 
	start_time BIGINT, 
	end_time BIGINT, 
	source_version VARCHAR(50), 
	lifecycle_stage VARCHAR(20), 
	artifact_uri VARCHAR(200), 
	experiment_id INTEGER, deleted_time BIGINT, 
	CONSTRAINT run_pk PRIMARY KEY (run_uuid), 
	CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')), 
	CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED'))
);
INSERT INTO runs VALUES ('de26d6dbf3f8479aa1721122c83ede57', 'calm-owl', 'UNKNOWN', '', '', 'ada', 'FINISHED', 1795786437573, 1795786438308, '', 'active', '/store/mlruns/1/de26d6dbf3f8479aa1721122c83ede57/artifacts', 1, NULL);
INSERT INTO runs VALUES ('9d406b3ce9c745b5b6350d86da7f6b9e', 'dry-fox', 'UNKNOWN', '', '', 'ada', 'FAILED', 1795786438411, 1795786438562, '', 'active', '/store/mlruns/1/9d406b3ce9c745b5b6350d86da7f6b9e/artifacts', 1, NULL);
INSERT INTO runs VALUES ('d183754f602e4f429ea4374a4074fa23', 'gone', 'UNKNOWN', '', '', 'ada', 'FINISHED', 1795786438632, 1795786438732, '', 'deleted', '/store/mlruns/1/d183754f602e4f429ea4374a4074fa23/artifacts', 1, 1795786438825);
INSERT INTO runs VALUES ('8d4e1a7a016b485a90391e4e90bf4b9a', 'going', 'UNKNOWN', '', '', 'ada', 'RUNNING', 1795786438877, NULL, '', 'active', '/store/mlruns/1/8d4e1a7a016b485a90391e4e90bf4b9a/artifacts', 1, NULL);
CREATE TABLE "params" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000) NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO params VALUES ('lr', '0.1', 'de26d6dbf3f8479aa1721122c83ede57');
INSERT INTO params VALUES ('big', '9223372036854775807', 'de26d6dbf3f8479aa1721122c83ede57');
INSERT INTO params VALUES ('worst', 'inf', 'de26d6dbf3f8479aa1721122c83ede57');
CREATE TABLE "metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	is_nan BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO metrics VALUES ('loss', 2.5, 1795786437834, 'de26d6dbf3f8479aa1721122c83ede57', 0, 0);
INSERT INTO metrics VALUES ('loss', 0.0, 1795786437909, 'de26d6dbf3f8479aa1721122c83ede57', 1, 1);
INSERT INTO metrics VALUES ('loss', 1.79769313486231562234e+308, 1795786438011, 'de26d6dbf3f8479aa1721122c83ede57', 2, 0);
INSERT INTO metrics VALUES ('loss', -1.79769313486231562234e+308, 1795786438088, 'de26d6dbf3f8479aa1721122c83ede57', 3, 0);
INSERT INTO metrics VALUES ('loss', 0.25, 1795786438171, 'de26d6dbf3f8479aa1721122c83ede57', 4, 0);
INSERT INTO metrics VALUES ('acc', 0.5, 1795786438236, 'de26d6dbf3f8479aa1721122c83ede57', 4, 0);
INSERT INTO metrics VALUES ('loss', 3.0, 1795786438512, '9d406b3ce9c745b5b6350d86da7f6b9e', 0, 0);
INSERT INTO metrics VALUES ('loss', 1.0, 1795786439092, '8d4e1a7a016b485a90391e4e90bf4b9a', 0, 0);
CREATE TABLE "tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO tags VALUES ('mlflow.user', 'ada', 'de26d6dbf3f8479aa1721122c83ede57');
INSERT INTO tags VALUES ('mlflow.source.name', 'train.py', 'de26d6dbf3f8479aa1721122c83ede57');
INSERT INTO tags VALUES ('mlflow.source.type', 'LOCAL', 'de26d6dbf3f8479aa1721122c83ede57');
INSERT INTO tags VALUES ('team', 'vision', 'de26d6dbf3f8479aa1721122c83ede57');
INSERT INTO tags VALUES ('mlflow.note.content', 'a try', 'de26d6dbf3f8479aa1721122c83ede57');
INSERT INTO tags VALUES ('mlflow.runName', 'calm-owl', 'de26d6dbf3f8479aa1721122c83ede57');
INSERT INTO tags VALUES ('mlflow.user', 'ada', '9d406b3ce9c745b5b6350d86da7f6b9e');
INSERT INTO tags VALUES ('mlflow.source.name', 'train.py', '9d406b3ce9c745b5b6350d86da7f6b9e');
INSERT INTO tags VALUES ('mlflow.source.type', 'LOCAL', '9d406b3ce9c745b5b6350d86da7f6b9e');
INSERT INTO tags VALUES ('mlflow.runName', 'dry-fox', '9d406b3ce9c745b5b6350d86da7f6b9e');
INSERT INTO tags VALUES ('mlflow.user', 'ada', 'd183754f602e4f429ea4374a4074fa23');
INSERT INTO tags VALUES ('mlflow.source.name', 'train.py', 'd183754f602e4f429ea4374a4074fa23');
INSERT INTO tags VALUES ('mlflow.source.type', 'LOCAL', 'd183754f602e4f429ea4374a4074fa23');
INSERT INTO tags VALUES ('mlflow.runName', 'gone', 'd183754f602e4f429ea4374a4074fa23');
INSERT INTO tags VALUES ('mlflow.user', 'ada', '8d4e1a7a016b485a90391e4e90bf4b9a');
INSERT INTO tags VALUES ('mlflow.source.name', 'train.py', '8d4e1a7a016b485a90391e4e90bf4b9a');
INSERT INTO tags VALUES ('mlflow.source.type', 'LOCAL', '8d4e1a7a016b485a90391e4e90bf4b9a');
INSERT INTO tags VALUES ('mlflow.runName', 'going', '8d4e1a7a016b485a90391e4e90bf4b9a');
