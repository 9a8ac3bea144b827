# SPDX-License-Identifier: BSD-2-Clause
# `make` builds, `make check` needs no root, `make test` and `make demo` first install what they need. V=1 shows commands,
# DEBUG=1 builds userspace with ASan and UBSan, in build/san. `make bench BENCH=quick TABLES="port country"` narrows the bench,
# and BEFORE=REVISION compares it with an earlier build.
B := build$(if $(DEBUG),/san)
export SLUICE_BUILD := $(B)
CC ?= gcc
CLANG ?= clang
PREFIX ?= /usr/local
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)	$(2)';)

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wcast-qual -Wformat=2 -Wno-missing-field-initializers -Werror
CFLAGS += -std=gnu17 -g $(if $(DEBUG),-O1 -fsanitize=address$(,)undefined -static-libasan -static-libubsan -fno-omit-frame-pointer,-O2) $(WARN) -D_GNU_SOURCE -MMD -MP
CORE_ROOMS := $(patsubst %/,%,$(wildcard userspace/core/*/))
KERN_ROOMS := $(patsubst %/,%,$(wildcard userspace/kern/*/))
CLI_ROOMS := $(patsubst %/,%,$(wildcard userspace/cli/*/))
IMPORT_ROOMS := $(patsubst %/,%,$(wildcard userspace/import/*/))
DAEMON_ROOMS := $(patsubst %/,%,$(wildcard userspace/daemon/*/))
CPPFLAGS += -Imaps $(addprefix -I,$(CORE_ROOMS) $(IMPORT_ROOMS) userspace/api $(KERN_ROOMS)) -I$(B)
, := ,
MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null)
BPF_CFLAGS := -O2 -g -ffile-prefix-map=$(CURDIR)=. -target bpf -mcpu=v3 -fno-strict-aliasing -Wall -Werror -Imaps -Ibpf -I/usr/include/$(MULTIARCH) -MMD -MP
KERN_LIBS := -lxdp -lbpf -lelf -lmnl
CORE_LIBS := -lmaxminddb -lsodium -lz -ljansson
LIBS := $(KERN_LIBS) $(CORE_LIBS)

objects = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)/*.c))
GRAMMAR := $(B)/grammar.c $(B)/scanner.c
CORE := $(foreach r,$(CORE_ROOMS),$(call objects,$r)) $(GRAMMAR:.c=.o)
API := $(call objects,userspace/api)
IMPORT := $(foreach r,$(IMPORT_ROOMS),$(call objects,$r))
KERN := $(foreach r,$(KERN_ROOMS),$(call objects,$r))
UNIT := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
DATAPATH := $(patsubst %.c,$(B)/%,$(wildcard tests/datapath/test_*.c))
DATAPATH_RUN := $(wildcard tests/datapath/bench*.c) tests/datapath/fill.c tests/datapath/hammer.c
BENCH_TOOLS := $(patsubst %.c,$(B)/%,$(DATAPATH_RUN)) $(patsubst %,$(B)/tests/lib/%.bpf.o,drop flood insert lookup pass read read_small tx)
DATAPATH_HELP := $(patsubst %.c,$(B)/%.o,$(filter-out tests/datapath/test_% $(DATAPATH_RUN),$(wildcard tests/datapath/*.c)))
FUZZ := $(B)/tests/fuzz/fuzz_gate $(B)/tests/fuzz/fuzz_core
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/target_*.c))
TOOLS := $(patsubst %.c,$(B)/%,$(filter-out %.bpf.c,$(wildcard tests/lib/*.c)))

.DELETE_ON_ERROR:
.PHONY: all tests check test test-kernels demo bench faults fleet soak fuzz prove install picture deb release security clean

all: $(B)/sluiced $(B)/sluicectl $(B)/sluice-fleet
tests: all $(UNIT) $(DATAPATH) $(TOOLS) $(FUZZ) $(BENCH_TOOLS) $(patsubst %,$(B)/tests/lib/%.bpf.o,pass seen flood)

$(B)/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(BPF_CFLAGS) -c $< -o $@
$(B)/tests/lib/%.bpf.o: tests/lib/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(BPF_CFLAGS) -c $< -o $@
$(B)/sluice.skel.h: $(B)/sluice.bpf.o
	$(call say,SKEL,$@)PATH=$$PATH:/usr/sbin bpftool gen skeleton $< name sluice_bpf > $@
$(B)/userspace/kern/object/load.o $(B)/tests/fuzz/order.o: $(B)/sluice.skel.h
PAGE := userspace/daemon/http/page
$(B)/page.h: scripts/page.sh $(wildcard $(PAGE)/* $(PAGE)/uplot/*)
	@mkdir -p $(@D)
	$(call say,PAGE,$@)scripts/page.sh $(PAGE) > $@
$(B)/userspace/daemon/http/exporter.o: $(B)/page.h

$(B)/grammar.c $(B)/grammar.h &: userspace/core/read/grammar.y
	@mkdir -p $(@D)
	$(call say,BISON,$@)bison -Wall -Werror -o $(B)/grammar.c --header=$(B)/grammar.h $<
$(B)/scanner.c: userspace/core/read/scanner.l $(B)/grammar.h
	$(call say,FLEX,$@)flex -o $@ $<
$(B)/grammar.o $(B)/scanner.o: $(B)/%.o: $(B)/%.c
	$(call say,CC,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@
$(B)/libcore.a: $(CORE)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/libapi.a: $(API)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/libimport.a: $(IMPORT)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/libkern.a: $(KERN)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/userspace/daemon/%.o: CPPFLAGS += $(addprefix -I,$(DAEMON_ROOMS))
$(B)/sluiced: $(foreach r,$(DAEMON_ROOMS),$(call objects,$r)) $(B)/libapi.a $(B)/libkern.a $(B)/libcore.a
	$(call say,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.c %.o %.a,$^) -o $@ $(LIBS) -levent_core -levent_extra -lsystemd -lcap-ng -lseccomp
$(B)/userspace/cli/%.o: CPPFLAGS += $(addprefix -I,$(CLI_ROOMS))
$(B)/sluicectl: $(foreach r,$(CLI_ROOMS),$(call objects,$r)) $(B)/libapi.a $(B)/libimport.a $(B)/libkern.a $(B)/libcore.a
	$(call say,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.c %.o %.a,$^) -o $@ $(LIBS) -lncursesw -ltinfo
$(B)/userspace/fleet/%.o: CPPFLAGS += -Iuserspace/fleet -Iuserspace/daemon/base
$(B)/sluice-fleet: $(call objects,userspace/fleet) $(B)/userspace/daemon/base/rights.o $(B)/libcore.a
	$(call say,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.c %.o %.a,$^) -o $@ -lhiredis -levent_core -levent_extra -ljansson -lcap-ng -lseccomp

$(B)/tests/unit/%: tests/unit/%.c $(B)/libapi.a $(B)/libimport.a $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(CPPFLAGS) $(filter %.c %.o,$^) $(filter %.a,$^) -o $@ $(CORE_LIBS) -lcmocka
# This tests the owner of the policy in force, with an engine and clocks of its own.
$(B)/tests/unit/test_standing: CPPFLAGS += $(addprefix -I,$(DAEMON_ROOMS))
$(B)/tests/unit/test_standing: $(patsubst %.c,$(B)/%.o,$(wildcard userspace/daemon/standing/*.c))
# This tests what a host tells the store, and when, with a kernel side and a sluice-fleet of its own.
$(B)/tests/unit/test_fleet_tick: CPPFLAGS += $(addprefix -I,$(DAEMON_ROOMS))
$(B)/tests/unit/test_fleet_tick: CORE_LIBS += -levent_core
$(B)/tests/unit/test_fleet_tick: $(B)/userspace/daemon/fleet/fleet_tick.o $(B)/userspace/daemon/fleet_base/fleet_keys.o
$(B)/tests/unit/test_fleet_shared: CPPFLAGS += $(addprefix -I,$(DAEMON_ROOMS))
$(B)/tests/unit/test_fleet_shared: $(B)/userspace/daemon/fleet_base/fleet_shared.o
$(B)/tests/unit/test_factor: $(B)/userspace/kern/floor/factor.o
$(DATAPATH) $(DATAPATH_RUN:%.c=$(B)/%): $(B)/tests/datapath/%: tests/datapath/%.c $(DATAPATH_HELP) $(B)/libkern.a $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(CPPFLAGS) -Itests/datapath $(filter %.c %.o %.a,$^) -o $@ $(LIBS) -lcmocka
$(B)/tests/datapath/bench_lookup $(B)/tests/datapath/bench_insert: CPPFLAGS += -DBUILD='"$(B)"'
$(B)/tests/datapath/test_rights: LIBS += -lcap-ng -lseccomp
$(B)/tests/datapath/test_rights: $(B)/userspace/daemon/base/rights.o
# One object for each file: of a program that is made of several sources at once, gcc notes only what the last one includes.
SANITIZE := -fsanitize=address$(,)undefined -fno-sanitize-recover
$(B)/sanitized/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -c $< -o $@
$(B)/sanitized/%.o: $(B)/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -c $< -o $@
$(B)/tests/fuzz/fuzz_core: tests/fuzz/fuzz_core.c $(CORE:$(B)/%=$(B)/sanitized/%)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(SANITIZE) $(CPPFLAGS) $< $(filter %.o,$^) -o $@ $(CORE_LIBS)
$(B)/tests/fuzz/fuzz_gate: tests/fuzz/fuzz_gate.c $(B)/tests/fuzz/frames.o $(B)/tests/fuzz/judge.o $(B)/tests/fuzz/sockets.o $(B)/tests/fuzz/order.o $(B)/libkern.a $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(CPPFLAGS) $(filter %.c %.o %.a,$^) -o $@ $(LIBS)
FUZZ_FLAGS = -std=gnu17 -g -O1 -D_GNU_SOURCE -MMD -MP $(CPPFLAGS) -fno-sanitize-recover=undefined
$(B)/fuzz/core/%.o: userspace/core/%.c
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link$(,)address$(,)undefined -c $< -o $@
$(B)/fuzz/import/%.o: userspace/import/%.c
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link$(,)address$(,)undefined -c $< -o $@
$(B)/fuzz/target_import: $(patsubst userspace/import/%.c,$(B)/fuzz/import/%.o,$(wildcard userspace/import/*/*.c))
$(B)/fuzz/core/%.o: $(B)/%.c
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link$(,)address$(,)undefined -c $< -o $@
$(FUZZ_TARGETS): $(B)/fuzz/target_%: tests/fuzz/target_%.c $(patsubst userspace/core/%.c,$(B)/fuzz/core/%.o,$(wildcard userspace/core/*/*.c)) $(GRAMMAR:$(B)/%.c=$(B)/fuzz/core/%.o)
	$(call say,FUZZ,$@)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer$(,)address$(,)undefined $(filter %.c %.o,$^) -o $@ $(CORE_LIBS)
$(B)/tests/lib/%: tests/lib/%.c
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(filter %.c %.o %.a,$^) -o $@ $(LDLIBS)
$(B)/tests/lib/flood: LDLIBS = -lbpf
$(B)/tests/lib/api: CFLAGS += $(CPPFLAGS)
$(B)/tests/lib/api: LDLIBS = $(CORE_LIBS)
$(B)/tests/lib/api: $(B)/libapi.a $(B)/libcore.a

check: tests
	$(Q)scripts/check.sh
test:
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) tests
	$(Q)scripts/test.sh
# Runs on Debian's kernels in virtual machines (docs/kernels.md); KERNELS=quick runs only the tests of what differs most.
test-kernels:
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) tests
	$(Q)scripts/kernels.sh $(KERNELS)
demo:
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) all $(B)/tests/lib/pass.bpf.o
	$(Q)scripts/demo.sh
# Prints the table of faults and of what each lost: as in `make test`, but with 200 kill -9.
faults:
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) tests
	$(Q)SLUICE_KILLS=200 /usr/bin/python3 -m pytest -p no:cacheprovider -q -s tests/e2e/test_faults.py
fleet: # the tables of docs/fleet.md; PARTS="faults far hour scale cost", all by default
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) tests
	$(Q)/usr/bin/python3 tests/e2e/fleet_table.py $(PARTS)
soak: # SOAK_MINUTES, 20 by default
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) tests
	$(Q)/usr/bin/python3 tests/e2e/soak.py
fuzz:
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) $(FUZZ) $(FUZZ_TARGETS)
	$(Q)scripts/fuzz.sh $(or $(FUZZ_SECONDS),60)
	$(Q)for f in $(FUZZ); do $$f $(or $(FUZZ_SECONDS),60) || exit 1; done
prove: # the models of a handshake's life and of the express lane, with mutations; the lane against the order of checks and against closes: docs/architecture.md
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) $(B)/tests/fuzz/fuzz_gate $(B)/tests/datapath/test_lane_race
	$(Q)scripts/prove.sh
	$(Q)$(B)/tests/fuzz/fuzz_gate lane 10000000
	$(Q)$(B)/tests/datapath/test_lane_race 50000
bench:
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) tests
	$(Q)/usr/bin/python3 scripts/bench $(TABLES)
# A host's policy is never overwritten; units and man pages name the paths at which things are installed.
UNITS = $(PREFIX)/lib/systemd/system
ZSH = $(PREFIX)/share/zsh/site-functions
D := $(DESTDIR)$(PREFIX)
install: all
	install -D -m 755 -t $(D)/sbin $(B)/sluiced
	install -D -m 755 -t $(D)/libexec/sluice $(B)/sluice-fleet
	install -D -m 755 -t $(D)/bin $(B)/sluicectl
	install -D -m 755 -t $(D)/libexec/sluice dist/package/first-policy dist/package/leave dist/package/renew
	rm -f $(D)/sbin/sluicectl # where 0.1.0 put it
	install -d -m 755 $(DESTDIR)/etc/sluice/conf.d
	test -e $(DESTDIR)/etc/sluice/sluice.conf || install -D -m 644 -t $(DESTDIR)/etc/sluice dist/sluice.conf
	install -D -m 644 -t $(DESTDIR)$(UNITS) dist/sluiced.service dist/sluice-geo.service dist/sluice-geo.timer
	sed -i 's|/usr/local/|$(PREFIX)/|' $(DESTDIR)$(UNITS)/sluiced.service $(DESTDIR)$(UNITS)/sluice-geo.service
	install -D -m 644 dist/sluice.sysusers $(D)/lib/sysusers.d/sluice.conf
	install -D -m 644 dist/sluice.tmpfiles $(D)/lib/tmpfiles.d/sluice.conf
	install -D -m 644 -t $(D)/share/sluice dist/sluice.conf dist/prometheus/*.yml dist/grafana/sluice.json
	install -D -m 644 -t $(D)/share/sluice/fail2ban dist/fail2ban/action.d/sluice.conf
	install -D -m 644 -t $(D)/share/man/man8 docs/sluiced.8 docs/sluicectl.8
	install -D -m 644 -t $(D)/share/man/man5 docs/sluice.conf.5
	for s in bash zsh fish; do $(B)/sluicectl completion $$s > $(B)/completion.$$s || exit 1; done
	install -D -m 644 $(B)/completion.bash $(D)/share/bash-completion/completions/sluicectl
	install -D -m 644 $(B)/completion.zsh $(DESTDIR)$(ZSH)/_sluicectl
	install -D -m 644 $(B)/completion.fish $(D)/share/fish/vendor_completions.d/sluicectl.fish
security: # what the unit still lets sluiced do, and systemd's score
	$(Q)systemd-analyze security --offline=yes --no-pager dist/sluiced.service | grep -v '^✓'
picture: # draws the status page, for README.md
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) tests
	$(Q)scripts/picture.py
deb:
	$(Q)scripts/deb.sh $(B)/deb
release: # VERSION=1.0.0: checks, package, bill of materials, commit and tag; pushes nothing
	$(Q)scripts/release.sh "$(VERSION)"
clean:
	rm -rf $(B)

-include $(shell find $(B) -path $(B)/deb -prune -o -type f -name '*.d' -print 2>/dev/null)
