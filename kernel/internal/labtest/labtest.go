// Package labtest checks Lathe against Jupyter's own programs: nbclient and nbconvert run and convert
// the notebooks of this repository, and a browser uses JupyterLab as a person does. Its tests need
// the Python environment of package pyenv, whose python LATHE_PYTHON names, and are skipped without.
//
// LATHE_ARTIFACTS names a folder for screenshots and pages; else they are in the repository's out.
package labtest
