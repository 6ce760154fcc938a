# Lathe needs Go, gcc, git and python3. `make` alone lists what there is to make.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
PYTHON = $$(go run ./kernel/internal/pyenv)

# The packages that hold locks and goroutines and load no generated code.
RACED = ./kernel/internal/wire ./kernel/internal/zmq ./kernel/internal/server ./kernel/internal/kerneltest \
	./kernel/internal/cell ./kernel/internal/complete ./kernel/internal/compose ./kernel/internal/session ./kernel/internal/directive \
	./kernel/internal/notebook ./kernel/internal/figure ./kernel/internal/pjrt ./kernel/internal/spec ./kernel/lathe ./kernel/internal/golang \
	./pkg/display/... ./pkg/chart ./pkg/metric ./pkg/worklog ./pkg/worklog/sqlindex

.PHONY: help build setup demo test fuzz check lab bench

help:
	@echo "make demo    run notebooks/01-digits.ipynb without a browser and make its report"
	@echo "make lab     open the notebooks in JupyterLab"
	@echo "make test    check everything"
	@echo "make fuzz    try each fuzz target for a moment; FUZZTIME=1m for longer"
	@echo "make bench   measure the latency of a cell and the speed of training"
	@echo "make build   build bin/lathe"

build:
	go build -o bin/lathe ./kernel/lathe

setup: build
	bin/lathe setup

demo: setup
	bin/lathe run notebooks/01-digits.ipynb -o out/01-digits.ipynb
	bin/lathe log ls
	bin/lathe report out/01-digits.ipynb -o out/01-digits.html

check:
	@unformatted=$$(gofmt -l kernel pkg); test -z "$$unformatted" || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

test: check setup
	kernel/internal/labtest/packages.sh
	python=$(PYTHON) && LATHE_PYTHON=$$python go test -timeout 40m ./...
	go test -race -short $(RACED)
	$(MAKE) fuzz

# Where fuzz targets are looked for: those of what reads bytes of others. FUZZED="kernel pkg" tries all of them, which
# takes minutes. And how long each is tried.
FUZZED = kernel/internal/wire kernel/internal/zmq pkg/display/frame pkg/worklog/internal
FUZZTIME = 3s

fuzz:
	@grep -ro --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' $(FUZZED) | sort | while IFS=: read -r file target; do \
		go test -run '^$$' -fuzz "^$${target#func }$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "./$$(dirname "$$file")" || exit 1; \
	done

lab: setup
	python=$(PYTHON) && bin/lathe install --prefix "$$(dirname "$$(dirname "$$python")")" && \
		"$$python" -m jupyterlab $$(test "$$(id -u)" != 0 || echo --allow-root) notebooks

bench: setup
	python=$(PYTHON) && LATHE_PYTHON=$$python bin/lathe bench
