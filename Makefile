# libscrl: build, test, install. `make` alone says what there is.
# Needs Swift 6.3 and a C compiler; `make deps` installs the rest on Debian and Ubuntu.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=

VERSION := $(shell sed -n 's/^\#define SCRL_VERSION "\(.*\)"/\1/p' include/scrl.h)
ABI := $(shell sed -n 's/^\#define SCRL_ABI \([0-9]*\).*/\1/p' include/scrl.h)
SO := libscrl.so.$(VERSION)
SONAME := libscrl.so.$(ABI)

# Instructions to compile for: AVX2 where this machine has it. The library checks at run time and
# refuses politely on a lesser CPU. `make build MARCH=` compiles for any CPU.
MARCH ?= $(shell grep -qw avx2 /proc/cpuinfo 2>/dev/null && grep -qw fma /proc/cpuinfo && echo x86-64-v3)
export MARCH  # scripts/test compiles the tests alike

# A target may import only what Package.swift lists for it.
CHECKS := --explicit-target-dependency-import-check error

# These flags belong to the shipped library alone: in Package.swift they would reach the tests.
# lld keeps local symbols out of the dynamic table; nodelete because Swift code cannot be unloaded.
RELEASE := $(CHECKS) -c release --scratch-path .build-lib --disable-local-rpath \
  $(if $(MARCH),-Xcc -march=$(MARCH)) -Xswiftc -static-stdlib -Xswiftc -use-ld=lld
SHIP := --product scrl $(RELEASE) \
  -Xlinker --version-script=$(CURDIR)/packaging/scrl.map -Xlinker --gc-sections \
  -Xlinker --no-undefined -Xlinker -soname=$(SONAME) -Xlinker -z -Xlinker nodelete

.DEFAULT_GOAL := help
.PHONY: help deps build lint test test-swift test-c test-python conformance demo experiment bench \
  install uninstall clean

help:
	@echo 'libscrl $(VERSION): pretrain image backbones on your own images, on the CPU.'
	@echo
	@echo '  make demo       from nothing to runs/demo/report.html (ten minutes on two cores)'
	@echo '  make test       every test: Swift, C, Python, conformance'
	@echo '  make lint       the architecture, formats, generated files: what needs no build'
	@echo '  make conformance  every quantity of the method beside an independent reference'
	@echo '  make build      the library: build/lib/$(SO)'
	@echo '  make install    header, library, scrl.pc and CMake files into PREFIX ($(PREFIX))'
	@echo '  make uninstall  takes them away again'
	@echo '  make bench      beside PyTorch, ONNX Runtime, OpenVINO, into docs/benchmarks (hours)'
	@echo '  make experiment SCRL, BYOL, supervised and random weights judged, into EXPERIMENTS.md (hours)'
	@echo '  make deps       installs what is missing (apt); the targets above do it themselves'
	@echo '  make clean      removes what was built, keeps runs/'
	@echo
	@echo 'Variables: PREFIX, LIBDIR, DESTDIR, MARCH ($(or $(MARCH),any CPU)).'

deps:
	@scripts/deps

# `swift build` decides what is out of date; the copy follows only when its result is newer.
build: deps
	swift build $(SHIP)
	@mkdir -p build/lib
	@if [ ! -e build/lib/$(SO) ] || [ .build-lib/release/libscrl.so -nt build/lib/$(SO) ]; then \
	  strip --strip-unneeded -o build/lib/$(SO) .build-lib/release/libscrl.so && \
	  ln -sf $(SO) build/lib/$(SONAME) && ln -sf $(SONAME) build/lib/libscrl.so; \
	fi
	@echo "build/lib/$(SO): $$(stat -c %s build/lib/$(SO)) bytes"

# Each rule of the house is also tested by what breaks it.
lint:
	Tests/house/check.py --planted
	Tests/house/check.py
	scripts/abi --check
	swift format lint --strict -r Package.swift Sources Tests

test:
	@scripts/test swift c python conformance

# Shares the library's compiled modules: only the suite itself is compiled.
conformance: deps
	swift build --product conformance $(RELEASE)
	.build-lib/release/conformance $(CONFORMANCE_FLAGS)

test-swift test-c test-python: test-%:
	@scripts/test $*

demo: build
	@scripts/deps python
	@scripts/venv report
	.venv/bin/python examples/python/demo.py --out runs/demo $(DEMO_FLAGS)
	@echo 'The report: runs/demo/report.html'

# One backbone pretrained four ways from several seeds. What was done is kept: the same command goes on.
experiment: build
	@scripts/deps python
	@scripts/venv report
	.venv/bin/python examples/experiment --document $(EXPERIMENT_FLAGS)

# Beside PyTorch, ONNX Runtime and OpenVINO, which run in .venv-bench or by PEER_PYTHON.
# BENCH_FLAGS="--part views" measures a part; the page of this CPU keeps its other sections.
bench: build
	@scripts/deps python
	@scripts/venv report
	.venv/bin/python bench/run.py $(BENCH_FLAGS)

# Fills in a template: @PREFIX@, @LIBDIR@, @VERSION@, @SONAME@.
fill = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@VERSION@|$(VERSION)|g' \
  -e 's|@SONAME@|$(SONAME)|g' packaging/$(1).in > $(DESTDIR)$(LIBDIR)/$(2)

# Under sudo Swift may not be on PATH: then what `make build` has built is installed.
install: $(if $(shell command -v swift)$(if $(wildcard build/lib/$(SO)),,x),build)
	install -d $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(LIBDIR)/cmake/scrl
	install -m 644 include/scrl.h $(DESTDIR)$(PREFIX)/include/scrl.h
	install -m 755 build/lib/$(SO) $(DESTDIR)$(LIBDIR)/$(SO)
	ln -sf $(SO) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libscrl.so
	@$(call fill,scrl.pc,pkgconfig/scrl.pc)
	@$(call fill,scrl-config.cmake,cmake/scrl/scrl-config.cmake)
	@$(call fill,scrl-config-version.cmake,cmake/scrl/scrl-config-version.cmake)
	@if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" = 0 ]; then ldconfig || true; fi

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/include/scrl.h $(DESTDIR)$(LIBDIR)/libscrl.so \
	  $(DESTDIR)$(LIBDIR)/$(SONAME) $(DESTDIR)$(LIBDIR)/$(SO) $(DESTDIR)$(LIBDIR)/pkgconfig/scrl.pc
	rm -rf $(DESTDIR)$(LIBDIR)/cmake/scrl

clean:
	rm -rf .build .build-lib build .venv .venv-bench bindings/python/build bindings/python/*.egg-info
