# SPDX-License-Identifier: BSD-2-Clause
# `make` builds, `make check` needs no root, `make test` and `make demo` install what they need first. V=1 shows commands,
# DEBUG=1 builds userspace with ASan and UBSan (make clean between).
B := build
CC ?= gcc
CLANG ?= clang
PREFIX ?= /usr/local
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)	$(2)';)

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wcast-qual -Wformat=2 -Wno-missing-field-initializers -Werror
CFLAGS += -std=gnu17 -g $(if $(DEBUG),-O1 -fsanitize=address$(,)undefined -fno-omit-frame-pointer,-O2) $(WARN) -D_GNU_SOURCE -MMD -MP
CPPFLAGS += -Imaps -Iuserspace/core -Iuserspace/kern -I$(B)
, := ,
MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null)
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -fno-strict-aliasing -Wall -Werror -Imaps -Ibpf -I/usr/include/$(MULTIARCH) -MMD -MP
KERN_LIBS := -lxdp -lbpf -lelf
CORE_LIBS := -lconfuse -lmaxminddb -lsodium -lz
LIBS := $(KERN_LIBS) $(CORE_LIBS) -ljansson

objects = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)/*.c))
CORE := $(call objects,userspace/core)
KERN := $(call objects,userspace/kern)
UNIT := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
DATAPATH := $(patsubst %.c,$(B)/%,$(wildcard tests/datapath/test_*.c))
DATAPATH_RUN := $(wildcard tests/datapath/bench*.c) tests/datapath/fill.c tests/datapath/hammer.c
DATAPATH_HELP := $(patsubst %.c,$(B)/%.o,$(filter-out tests/datapath/test_% $(DATAPATH_RUN),$(wildcard tests/datapath/*.c)))
FUZZ := $(B)/tests/fuzz/fuzz_gate $(B)/tests/fuzz/fuzz_core
TOOLS := $(patsubst %.c,$(B)/%,$(filter-out %.bpf.c,$(wildcard tests/lib/*.c)))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all tests check test demo bench fuzz install clean

all: $(B)/sluiced $(B)/sluicectl
tests: all $(UNIT) $(DATAPATH) $(TOOLS) $(FUZZ) $(B)/tests/lib/pass.bpf.o $(B)/tests/lib/flood.bpf.o

$(B)/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(BPF_CFLAGS) -c $< -o $@
$(B)/tests/lib/%.bpf.o: tests/lib/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(BPF_CFLAGS) -c $< -o $@
$(B)/sluice.skel.h: $(B)/sluice.bpf.o
	$(call say,SKEL,$@)PATH=$$PATH:/usr/sbin bpftool gen skeleton $< name sluice_bpf > $@
$(B)/userspace/kern/load.o: $(B)/sluice.skel.h
PAGE := userspace/daemon/page
$(B)/page.h: scripts/page.sh $(wildcard $(PAGE)/* $(PAGE)/uplot/*)
	@mkdir -p $(@D)
	$(call say,PAGE,$@)scripts/page.sh $(PAGE) > $@
$(B)/userspace/daemon/exporter.o: $(B)/page.h

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CFLAGS) $(CPPFLAGS) -c $< -o $@
$(B)/libcore.a: $(CORE)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/libkern.a: $(KERN)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/sluiced: $(call objects,userspace/daemon) $(B)/libkern.a $(B)/libcore.a
	$(call say,LD,$@)$(CC) $(CFLAGS) $(filter %.c %.o %.a,$^) -o $@ $(LIBS) -levent_core -levent_extra -lsystemd
$(B)/sluicectl: $(call objects,userspace/cli) $(B)/libkern.a $(B)/libcore.a
	$(call say,LD,$@)$(CC) $(CFLAGS) $(filter %.c %.o %.a,$^) -o $@ $(LIBS) -lncursesw -ltinfo

$(B)/tests/unit/%: tests/unit/%.c $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(CPPFLAGS) $(filter %.c %.o %.a,$^) -o $@ $(CORE_LIBS) -lcmocka
$(B)/tests/datapath/%: tests/datapath/%.c $(DATAPATH_HELP) $(B)/libkern.a $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(CPPFLAGS) -Itests/datapath $(filter %.c %.o %.a,$^) -o $@ $(LIBS) -lcmocka
$(B)/tests/fuzz/fuzz_core: tests/fuzz/fuzz_core.c $(wildcard userspace/core/*.c)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) -fsanitize=address$(,)undefined -fno-sanitize-recover $(CPPFLAGS) $(filter %.c,$^) -o $@ $(CORE_LIBS)
$(B)/tests/fuzz/fuzz_gate: tests/fuzz/fuzz_gate.c $(B)/tests/fuzz/judge.o $(B)/libkern.a $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(CPPFLAGS) $(filter %.c %.o %.a,$^) -o $@ $(LIBS)
$(B)/tests/lib/%: tests/lib/%.c
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(filter %.c %.o %.a,$^) -o $@ $(LDLIBS)
$(B)/tests/lib/flood: LDLIBS = -lbpf

check: tests
	$(Q)scripts/check.sh
test:
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) tests
	$(Q)scripts/test.sh
demo:
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) all $(B)/tests/lib/pass.bpf.o
	$(Q)scripts/demo.sh
fuzz:
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) $(FUZZ)
	$(Q)for f in $(FUZZ); do $$f $(or $(FUZZ_SECONDS),60) || exit 1; done
bench:
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) tests $(B)/tests/datapath/bench $(B)/tests/datapath/bench_lookup $(B)/tests/datapath/fill \
		$(B)/tests/datapath/hammer $(patsubst %,$(B)/tests/lib/%.bpf.o,drop lookup)
	$(Q)$(B)/tests/datapath/bench
	$(Q)$(B)/tests/datapath/bench_lookup
	$(Q)/usr/bin/python3 tests/e2e/watch_cost.py
	$(Q)scripts/scrape.py
	$(Q)scripts/bench_lists.py
	$(Q)scripts/bench_flood.py
install: all
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/sbin $(B)/sluiced $(B)/sluicectl
	install -D -m 644 -t $(DESTDIR)/etc/sluice dist/sluice.conf
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system dist/sluiced.service dist/sluice-geo.service dist/sluice-geo.timer
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/sluice dist/prometheus/*.yml dist/grafana/sluice.json
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 docs/sluiced.8 docs/sluicectl.8
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man5 docs/sluice.conf.5
	$(B)/sluicectl completion > $(B)/completion
	install -D -m 644 $(B)/completion $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sluicectl
clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
