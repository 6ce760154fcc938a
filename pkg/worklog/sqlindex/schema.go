package sqlindex

// version is the user_version of the file. An index of another version is made anew.
const version = 2

// schema makes the tables. What is wide is keyed by numbers and clustered by name, because a query asks for one
// parameter of many runs; the views show it as the documentation of the package says.
const schema = `
CREATE TABLE run (
	id INTEGER PRIMARY KEY, run TEXT UNIQUE NOT NULL, size INTEGER, mtime INTEGER, loaded INTEGER,
	name TEXT, type TEXT, state TEXT, error TEXT, began TEXT, ended TEXT, took REAL, seed INTEGER,
	question TEXT, hypothesis TEXT, verdict TEXT, lives INTEGER, points INTEGER, lost INTEGER, damage INTEGER,
	code TEXT, branch TEXT, dirty INTEGER, host TEXT, go TEXT, os TEXT, cpu TEXT, cpus INTEGER, memory INTEGER
);
CREATE INDEX run_began ON run(began);
CREATE INDEX run_name ON run(name);
CREATE TABLE word (id INTEGER PRIMARY KEY, word TEXT UNIQUE NOT NULL);
CREATE TABLE param (
	word INTEGER, run INTEGER, type TEXT, value TEXT, number REAL, PRIMARY KEY (word, run)
) WITHOUT ROWID;
CREATE TABLE metric (
	word INTEGER, run INTEGER, count INTEGER, nonfinite INTEGER, last REAL, last_step INTEGER, odd TEXT,
	best REAL, best_step INTEGER, min REAL, min_step INTEGER, max REAL, max_step INTEGER,
	PRIMARY KEY (word, run)
) WITHOUT ROWID;
CREATE TABLE tag (run INTEGER, tag TEXT);
CREATE INDEX tag_run ON tag(run);
CREATE INDEX tag_tag ON tag(tag);
CREATE TABLE note (run INTEGER, time TEXT, note TEXT);
CREATE INDEX note_run ON note(run);
CREATE TABLE file (run INTEGER, path TEXT, size INTEGER, time TEXT, sha256 TEXT, kind TEXT, name TEXT);
CREATE INDEX file_run ON file(run);
CREATE TABLE point (run INTEGER, word INTEGER, step INTEGER, time TEXT, value REAL, odd TEXT);
CREATE INDEX point_run ON point(run, word);

CREATE VIEW runs AS SELECT run, name, type, state, error, began, ended, took, seed, question, hypothesis, verdict, lives, points,
	lost, damage, code, branch, dirty, host, go, os, cpu, cpus, memory FROM run;
CREATE VIEW params AS SELECT r.run, w.word AS param, p.type, p.value, p.number
	FROM param p JOIN word w ON w.id = p.word JOIN run r ON r.id = p.run;
CREATE VIEW metrics AS SELECT r.run, w.word AS metric, m.count, m.nonfinite, m.last, m.last_step, m.odd,
	m.best, m.best_step, m.min, m.min_step, m.max, m.max_step
	FROM metric m JOIN word w ON w.id = m.word JOIN run r ON r.id = m.run;
CREATE VIEW tags AS SELECT r.run, t.tag FROM tag t JOIN run r ON r.id = t.run;
CREATE VIEW notes AS SELECT r.run, n.time, n.note FROM note n JOIN run r ON r.id = n.run;
CREATE VIEW files AS SELECT r.run, f.path, f.size, f.time, f.sha256, f.kind, f.name FROM file f JOIN run r ON r.id = f.run;
CREATE VIEW points AS SELECT r.run, w.word AS metric, p.step, p.time, p.value, p.odd
	FROM point p JOIN word w ON w.id = p.word JOIN run r ON r.id = p.run;
`

// removals delete the rows of a run. Parameters and metrics are found by their names: an index by run would
// take a third of the time of filling the tables.
var removals = []string{
	"DELETE FROM param WHERE word IN (SELECT id FROM word) AND run = ?",
	"DELETE FROM metric WHERE word IN (SELECT id FROM word) AND run = ?",
	"DELETE FROM tag WHERE run = ?",
	"DELETE FROM note WHERE run = ?",
	"DELETE FROM file WHERE run = ?",
	"DELETE FROM point WHERE run = ?",
	"DELETE FROM run WHERE id = ?",
}
