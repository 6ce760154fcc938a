// Package labtest checks Lathe against Jupyter's own programs: nbclient and nbconvert run and convert
// the notebooks of this repository, and a browser uses JupyterLab as a person does. Its tests need
// the Python environment of package pyenv, whose python LATHE_PYTHON names, and are skipped without.
//
// LATHE_LAB_KERNEL=python3 runs the tests of JupyterLab with Python's kernel instead, which tells a
// failure of the tests from one of the kernel. LATHE_ARTIFACTS names a folder for screenshots.
package labtest
