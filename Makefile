# postern: `make demo` shows it, `make check` tests it, `make install` puts it in place. `make help` lists the rest.
#
# One build directory a variant: VARIANT=release (default), asan (ASan+UBSan), tsan. CC=gcc or clang.

PREFIX  ?= /usr
SYSCONFDIR ?= /etc
VARIANT ?= release
CFLAGS  ?=
LDFLAGS ?=
B        = build/$(VARIANT)

VERSION  = 0.1.0
CSTD     = -std=c11 -D_GNU_SOURCE -I. -DPOSTERN_VERSION='"$(VERSION)"'
WARN     = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
           -Werror=format-security -Wvla $(WERROR)
# What the compiler builds for, which need not be the machine that it runs on.
MACHINE := $(shell $(CC) $(CFLAGS) -dM -E -x c /dev/null 2>/dev/null | \
             sed -n 's/^.define __\(x86_64\|aarch64\|LP64\|SIZEOF_INT128\|CHAR_BIT\)__ .*/\1/p')
X86_64   = $(filter x86_64,$(MACHINE))
# Without a compiler nothing is known yet: "make demo" installs one.
ifneq ($(MACHINE),)
ifneq ($(filter LP64,$(MACHINE))$(filter SIZEOF_INT128,$(MACHINE)),LP64SIZEOF_INT128)
ifneq ($(filter-out clean help,$(or $(MAKECMDGOALS),all)),)
$(error $(CC) builds for a 32-bit machine ($(shell $(CC) -dumpmachine)): postern needs a 64-bit one, since its counters are pairs of \
        64-bit words that change in one step)
endif
endif
endif

# 16-byte compare-and-swap (counters) is part of every x86-64 since 2006, but not of the compiler's baseline.
ARCH     = $(if $(X86_64),-mcx16)
HARDEN   = -fPIE -fstack-protector-strong -fstack-clash-protection $(if $(X86_64),-fcf-protection) \
           $(if $(filter aarch64,$(MACHINE)),-mbranch-protection=standard)
LDHARDEN = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

# gcc would copy and clear structures with "rep movs" and "rep stos", whose start takes longer than libc's whole copy; and
# half of a decision are calls between files. Objects keep their machine code, for who looks at it.
GCC_OPT  = -flto=auto -ffat-lto-objects \
           $(if $(X86_64),-mmemcpy-strategy=libcall:-1:noalign -mmemset-strategy=libcall:-1:noalign)

ifeq ($(VARIANT),release)
OPT      = -O2 -g -D_FORTIFY_SOURCE=2 $(if $(findstring clang,$(CC)),,$(GCC_OPT))
else ifeq ($(VARIANT),asan)
OPT      = -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
# Programs count which lines of core they reach, for tests/coverage.sh.
COUNTED  = --coverage
else ifeq ($(VARIANT),tsan)
OPT      = -O1 -g1 -fno-omit-frame-pointer -fsanitize=thread
else
$(error VARIANT=$(VARIANT): expected release, asan or tsan)
endif

ALL_CFLAGS  = $(CSTD) $(OPT) $(WARN) $(ARCH) $(HARDEN) -MMD -MP $(CFLAGS)
ALL_LDFLAGS = $(OPT) $(COUNTED) $(LDHARDEN) $(LDFLAGS)

CORE_LIBS   = -ljansson -lidn2 -lunistring -llmdb -lsqlite3 -lxxhash -lconfig -lpthread
policyd_LIBS = -levent_core -levent_pthreads
sasl_LIBS    = -levent_core
milter_LIBS  = -lmilter
mirror_LIBS  = -lcurl -lssl -lcrypto
alert_LIBS   = -lcurl -lcrypto
cluster_LIBS = -levent_core -levent_extra -levent_openssl -lhiredis -lssl -lcrypto
web_LIBS     = -levent_core -levent_extra -lcrypto -lcrypt
cli_LIBS     = -lcurl -lcrypto -lcrypt

PROGRAMS = $(patsubst %,$(B)/postern-%,policyd milter sasl mirror alert cluster web) $(B)/postern

# The sources of a folder and of the rooms in it.
sources  = $(if $(1),$(wildcard $(1)/*.c $(1)/*/*.c))
CORE_OBJ = $(patsubst %.c,$(B)/%.o,$(call sources,core))
# Everything of a program but its main, so that tests can link it.
objects  = $(patsubst %.c,$(B)/%.o,$(filter-out $(1)/main.c,$(call sources,$(1))))

, := ,

# One short line a step; V=1 shows the commands.
Q = $(if $(V),,@)
say = $(if $(V),:,@printf '  %-5s %s\n')

all: $(PROGRAMS)

$(CORE_OBJ): ALL_CFLAGS += $(COUNTED)
# The counts of an object begin anew with it, and programs add to them whoever they run as: else they say on stderr that they can't.
$(CORE_OBJ): BEGIN_COUNTS = $(if $(COUNTED),@rm -f $(@:.o=.gcda); umask 0; : >$(@:.o=.gcda))
$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(BEGIN_COUNTS)
	$(say) CC $@
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/libcore.a: $(CORE_OBJ)
	@rm -f $@
	$(say) AR $@
	$(Q)$(AR) rcs $@ $^

.SECONDEXPANSION:
$(B)/postern-%: $(B)/%/main.o $$(call objects,$$*) $(B)/libcore.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $($*_LIBS) $(CORE_LIBS)

# The pages of the web program, as bytes.
$(B)/web/made/assets.c: scripts/web-assets.sh $(wildcard web/assets/*)
	@mkdir -p $(@D)
	$(say) MAKE $@
	$(Q)scripts/web-assets.sh $@
$(B)/web/made/assets.o: $(B)/web/made/assets.c Makefile
	$(say) CC $@
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(B)/postern-web: $(B)/web/made/assets.o

$(B)/postern: $(B)/cli/main.o $(call objects,cli) $(B)/libcore.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(cli_LIBS) $(CORE_LIBS)

# ---- unit tests: tests/unit/test_NAME.c; those of a program say so in a first-line comment "links: mirror" ----
UNIT_SRC = $(wildcard tests/unit/test_*.c)
UNIT     = $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(UNIT_SRC))
links_of = $(shell sed -n '1s/.*links: \([a-z ]*[a-z]\).*/\1/p' tests/unit/$(1).c)

$(B)/tests/unit/%: $(B)/tests/unit/%.o $$(foreach p,$$(call links_of,$$*),$$(call objects,$$p)) $(B)/libcore.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(foreach p,$(call links_of,$*),$($(p)_LIBS)) $(CORE_LIBS)

unit: $(UNIT)

# ---- fuzz targets: tests/fuzz/NAME.c with seeds in tests/fuzz/corpus/NAME; built by clang, whatever CC is ----
FUZZ_SRC = $(wildcard tests/fuzz/*.c)
FUZZ     = $(patsubst tests/fuzz/%.c,build/fuzz/%,$(FUZZ_SRC))
FUZZ_FLAGS = -g1 -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
fuzz_links = $(shell sed -n '1s/.*links: \([a-z ]*[a-z]\).*/\1/p' tests/fuzz/$(1).c)
fuzz_objects = $(patsubst %.c,build/fuzz/objects/%.o,tests/fuzz/$(1).c \
                 $(foreach p,$(call fuzz_links,$(1)),$(filter-out $(p)/main.c,$(call sources,$(p)))))

build/fuzz/objects/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)clang $(CSTD) $(FUZZ_FLAGS) $(ARCH) -MMD -MP -c -o $@ $<

build/fuzz/libcore.a: $(patsubst %.c,build/fuzz/objects/%.o,$(call sources,core))
	@rm -f $@
	$(say) AR $@
	$(Q)$(AR) rcs $@ $^

build/fuzz/%: $$(call fuzz_objects,$$*) build/fuzz/libcore.a
	$(say) LINK $@
	$(Q)clang $(FUZZ_FLAGS) -o $@ $^ $(foreach p,$(call fuzz_links,$*),$($(p)_LIBS)) $(CORE_LIBS)

fuzz-build: $(FUZZ)

# ---- gcc's analyzer: what it says of FOLDER/NAME.c is in build/analyze/FOLDER/NAME.said; tests/lint.sh judges it ----
ANALYZED = $(patsubst %.c,build/analyze/%.said,$(foreach p,core policyd milter sasl mirror alert cluster web cli,$(call sources,$(p))))
build/analyze/%.said: %.c Makefile
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)LC_ALL=C gcc $(CSTD) -O2 $(ARCH) -fanalyzer -fdiagnostics-path-format=none -fno-diagnostics-show-caret \
	    -MMD -MP -MT $@ -MF $@.d -c -o /dev/null $< 2>$@.part
	$(Q)mv $@.part $@
analyze: $(ANALYZED)

# ---- clang-tidy, in the same way: build/tidy/FOLDER/NAME.said ----
TIDIED = $(patsubst build/analyze/%,build/tidy/%,$(ANALYZED)) $(patsubst %.c,build/tidy/%.said,$(call sources,bench))
build/tidy/%.said: %.c Makefile .clang-tidy
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)clang -M -MP -MT $@ -MF $@.d $(CSTD) $(ARCH) $<
	$(Q)clang-tidy --quiet $< -- $(CSTD) $(ARCH) >$@.part 2>/dev/null || echo '$<: error: clang-tidy failed' >>$@.part
	$(Q)mv $@.part $@
tidy: $(TIDIED)

# ---- benchmarks: bench/NAME.c, each with the bench/*_wire.c that it needs ----
BENCH = $(patsubst bench/%.c,$(B)/bench/%,$(filter-out bench/%_wire.c,$(wildcard bench/*.c)))
bench_links = $(findstring milter,$(1)) $(findstring cluster,$(1))
$(B)/bench/%: $(B)/bench/%.o $(patsubst %.c,$(B)/%.o,$(wildcard bench/*_wire.c)) $$(foreach p,$$(call bench_links,$$*),$$(call objects,$$p)) $(B)/libcore.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lmilter $(foreach p,$(call bench_links,$*),$($(p)_LIBS)) $(CORE_LIBS)
bench-build: $(BENCH)

# ---- blunting: a year of mail and attacks in virtual time (bench/blunting/README.md); its clock.c replaces core's ----
BLUNTING_OBJ = $(patsubst %.c,$(B)/%.o,$(wildcard bench/blunting/*.c))
$(B)/bench/blunting/blunting: $(BLUNTING_OBJ) $(call objects,mirror) $(call objects,cluster) $(B)/libcore.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(mirror_LIBS) $(cluster_LIBS) $(CORE_LIBS) -lm

# ---- attacks: programs that tests/attacks/ and tests/integration/ drive ----
$(B)/tests/attacks/%: $(B)/tests/attacks/%.o $(B)/bench/milter_wire.o $(B)/libcore.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CORE_LIBS)

# ---- torture: allocation and I/O that fail, call by call (tests/torture/fail.c) ----
FAILING = malloc calloc realloc reallocarray strdup strndup mmap open openat read pread write pwrite ftruncate \
          posix_fallocate fallocate fsync fdatasync fflush fstat stat lstat fstatat renameat renameat2 unlinkat flock \
          fchmod fchown mkdir mkdirat fdopendir realpath getrandom eventfd pthread_create \
          $(addprefix mdb_,env_create env_open env_set_mapsize env_set_maxdbs env_sync txn_begin txn_commit dbi_open \
            stat get put del cursor_open cursor_get cursor_del)
$(B)/tests/torture/torture: $(patsubst %.c,$(B)/%.o,$(wildcard tests/torture/*.c)) \
                            $(foreach p,policyd milter sasl mirror alert,$(call objects,$(p))) $(B)/libcore.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) $(patsubst %,-Wl$(,)--wrap=%,$(FAILING)) -o $@ $^ $(policyd_LIBS) $(milter_LIBS) $(mirror_LIBS) $(alert_LIBS) $(CORE_LIBS)

# ---- what people call ----
demo:
	@scripts/install-dependencies.sh demo
	@$(MAKE) --no-print-directory -s all
	@scripts/demo.sh -b $(B) both

# Three relays that count as one, behind haproxy, with one Redis.
demo-cluster:
	@scripts/install-dependencies.sh demo-cluster
	@$(MAKE) --no-print-directory -s all
	@scripts/demo-cluster.sh -b $(B)

# The pages, with traffic that goes on until Ctrl-C.
demo-web:
	@scripts/install-dependencies.sh demo-web
	@$(MAKE) --no-print-directory -s all
	@scripts/demo-web.sh -b $(B)

check:
	@scripts/install-dependencies.sh test
	@scripts/install-dependencies.sh browser >/dev/null 2>&1 || echo 'no browser could be installed: its tests are skipped'
	@tests/run.sh $(if $(PATTERN),'$(PATTERN)')

# The pages of postern-web in Chromium: each in light, dark and narrow, with screenshots in build/browser; what happens while somebody
# looks; the nastiest logins. "make check" does a short form, where there is a browser.
browser:
	@scripts/install-dependencies.sh browser
	@$(MAKE) --no-print-directory -s VARIANT=asan $(patsubst %,build/asan/postern%,-web -policyd -mirror) build/asan/postern
	@tests/browser/run.sh all

# The same beside BUSY=8 processes that keep the processors busy, TIMES=3 in a row. PATTERN: only the tests whose name matches.
check-busy:
	@scripts/install-dependencies.sh test
	@BUSY=$(or $(BUSY),8) TIMES=$(or $(TIMES),3) tests/busy.sh $(if $(PATTERN),'$(PATTERN)')

bench:
	@scripts/install-dependencies.sh test
	@$(MAKE) --no-print-directory -s all bench-build
	@bench/run.sh $(B)
	@bench/mirror.sh $(B)

# Peers, a whole Postfix, growth; writes bench/README.md's tables and plots.
bench-all:
	@scripts/install-dependencies.sh bench
	@$(MAKE) --no-print-directory -s all bench-build
	@bench/all.sh $(B)

# Relays that count as one: what they cost Redis and the mail path, and what that gains. COUNTERS=10000000 RELAYS=100.
bench-cluster:
	@scripts/install-dependencies.sh test
	@$(MAKE) --no-print-directory -s all bench-build
	@bench/cluster.sh $(B)

# How little a stolen login gets out, and what honest mail notices: the tables of bench/blunting/README.md. SEEDS=10.
blunting:
	@scripts/install-dependencies.sh build
	@$(MAKE) --no-print-directory -s $(B)/bench/blunting/blunting
	@bench/blunting/run.sh $(B)

# A million schedules of relays that count as one, against one exact count (tests/unit/cluster_model.h); "make check" runs
# 100,000. SEED=1.
cluster-model:
	@scripts/install-dependencies.sh build
	@$(MAKE) --no-print-directory -s $(B)/tests/unit/test_cluster_model
	@MODEL_SCHEDULES=$(or $(MODEL_SCHEDULES),1000000) SEED=$(or $(SEED),1) $(B)/tests/unit/test_cluster_model

# Each target for FUZZ_SECONDS.
fuzz:
	@scripts/install-dependencies.sh test
	@$(MAKE) --no-print-directory -s fuzz-build
	@tests/fuzz/run.sh $(or $(FUZZ_SECONDS),600)

# Each allocation and I/O call fails in turn. "make check" samples it.
torture:
	@scripts/install-dependencies.sh test
	@tests/torture/run.sh

# Each part of relays that share killed at random for ten minutes. SECONDS_KILLED=
cluster-killed:
	@scripts/install-dependencies.sh test
	@$(MAKE) --no-print-directory -s VARIANT=asan all
	@tests/integration/cluster_killed.sh $(or $(SECONDS_KILLED),600)

# What fails around postern, under load through a real Postfix: tests/faults/README.md. "make check" runs a short form.
faults:
	@scripts/install-dependencies.sh test
	@$(MAKE) --no-print-directory -s all
	@$(MAKE) --no-print-directory -s VARIANT=asan all build/asan/bench/sasl_stub build/asan/bench/sasl_load
	@tests/faults/run.sh

# 100,000 hostile headers through the judge of From, and 3,000 through Postfix, held against other readers. SEED=1.
# "make check" takes 5,000 and 300.
from-oracle:
	@scripts/install-dependencies.sh test
	@tests/integration/from_oracle.sh 3000 $(or $(SEED),1) 100000

# The share of core's lines that the last "make check" reached, which judges it, too.
coverage:
	@COVERAGE_LEAST=$(COVERAGE_LEAST) tests/coverage.sh

lint:
	@scripts/install-dependencies.sh test
	@$(MAKE) --no-print-directory -s all
	@tests/lint.sh

# Debian packages, in build/deb.
deb:
	@scripts/install-dependencies.sh deb
	@scripts/build-deb.sh

# What a real Prometheus says of the metrics, the alerting rules and the dashboard. Its package has 80 MB of dependencies that
# nothing here needs, so only the two programs are taken out of it.
build/prometheus/promtool:
	@mkdir -p build/prometheus
	@cd build/prometheus && apt-get -q download prometheus >/dev/null
	@dpkg-deb --fsys-tarfile build/prometheus/prometheus_*.deb | tar xC build/prometheus --strip-components=3 ./usr/bin/prometheus ./usr/bin/promtool
check-metrics: build/prometheus/promtool all
	@scripts/install-dependencies.sh test
	@PROMTOOL=$< BUILD=$B tests/e2e/words.sh
	@PROMTOOL=$< PROMETHEUS=build/prometheus/prometheus BUILD=$B tests/prometheus/queries.sh

# The recipes for nginx and Apache before postern-web, with stand-ins for who signs people in, and for postern-web itself.
check-web-proxies:
	@scripts/install-dependencies.sh web-proxies
	@$(MAKE) --no-print-directory -s VARIANT=asan $(patsubst %,build/asan/postern%,-web -policyd -mirror) build/asan/postern
	@tests/web/proxies.sh
	@tests/web/proxies_apache.sh

# Not part of check: they make clean systems out of a Debian mirror, which takes minutes. RELEASE=bookworm or trixie: that one only.
check-packages:
	@scripts/install-dependencies.sh clean
	@tests/packages/run.sh $(RELEASE)

# README followed word by word in a clean system that runs, with packages and by hand, until a real Postfix refuses what is forbidden.
check-readme:
	@scripts/install-dependencies.sh clean
	@tests/packages/readme.sh $(RELEASE)

# The first pages by "ssh -L", in clean systems that run, by the words of doc/web.md. RELEASE: that one only.
check-web-first:
	@scripts/install-dependencies.sh clean
	@tests/packages/web.sh $(RELEASE)

# "make demo" and "make demo-cluster" in a clean Debian 12 and a clean Debian 13, with their Postfix, Dovecot, compiler and libmilter.
check-demo:
	@scripts/install-dependencies.sh clean
	@tests/packages/demo.sh $(RELEASE)

# Relays that share, through Valkey and Redis of a clean Debian 13, with its hiredis.
check-valkey:
	@scripts/install-dependencies.sh clean
	@tests/packages/valkey.sh $(PATTERN)

# The image of scripts/container, made from packages of this tree in a clean system, and run without root.
check-container:
	@scripts/install-dependencies.sh clean
	@tests/packages/container.sh

# Built by Debian's compiler for arm64 in a clean system, and the unit tests run there, by qemu's emulation.
check-arm64:
	@scripts/install-dependencies.sh clean
	@tests/packages/arm64.sh

# Beside other software: "make check" takes a sample of the proxies; the others install programs, or make a clean system.
check-proxies check-clients:
	@scripts/install-dependencies.sh $(if $(filter check-clients,$@),clients,test)
	@$(MAKE) --no-print-directory -s all
	@BUILD=$(B) tests/interop/$(patsubst check-%,%,$@).sh all

check-sendmail:
	@scripts/install-dependencies.sh build clean
	@tests/interop/sendmail.sh

# DESTDIR and PREFIX as usual; configuration and data are never overwritten.
install: all
	@scripts/install.sh "$(B)" "$(DESTDIR)" "$(PREFIX)" "$(SYSCONFDIR)"

clean:
	rm -rf build

help:
	@echo 'make demo      shows it: real Postfix, real SASL, real messages (root; installs what it needs)'
	@echo 'make demo-cluster  shows three relays that count as one: behind haproxy, with one Redis, which is killed in the middle (root)'
	@echo 'make demo-web  the pages of postern-web on loopback, with made-up traffic until Ctrl-C: attacks, blocks, refusals (root)'
	@echo 'make check     tests it (root for the tests with Postfix; installs what they need); PATTERN='
	@echo 'make check-busy  the same on a machine that is busy: beside BUSY=8 processes, TIMES=3 in a row; PATTERN='
	@echo 'make browser   tests the pages of postern-web in Chromium; screenshots in build/browser'
	@echo 'make           builds it; VARIANT=asan or tsan; CC=clang; V=1 shows the commands'
	@echo 'make install   DESTDIR= PREFIX=/usr SYSCONFDIR=/etc'
	@echo 'make deb       Debian packages, in build/deb'
	@echo 'make check-packages, check-readme, check-web-first, check-demo   in clean Debian 12 and 13: the packages, README and the way to the pages word by word, the demos; RELEASE='
	@echo 'make check-arm64, check-container   in clean systems: the unit tests by emulation, the container image'
	@echo 'make check-valkey  relays that share, through Valkey and Redis of a clean Debian 13; PATTERN=cluster_links'
	@echo 'make check-proxies, check-clients, check-sendmail   behind haproxy and XCLIENT, with real clients, under Sendmail'
	@echo 'make check-metrics asks a real Prometheus about the metrics, the alerting rules and the dashboard'
	@echo 'make check-web-proxies  the recipes for nginx and Apache before postern-web'
	@echo 'make bench     measures it against servers that answer without thinking'
	@echo 'make bench-all the same against other programs, through Postfix, and as it grows; 20 minutes; QUICK=1'
	@echo 'make bench-cluster  relays that count as one: what Redis and the mail path pay, what a stolen login gets; 5 minutes'
	@echo 'make blunting  a simulated year: what a stolen login gets out, what honest mail notices; SEEDS=10'
	@echo 'make cluster-model  a million random schedules of relays that count as one; MODEL_SCHEDULES=, SEED=1'
	@echo 'make cluster-killed  their parts killed at random for ten minutes; SECONDS_KILLED='
	@echo 'make fuzz      FUZZ_SECONDS=600 for each target'
	@echo 'make torture   lets each allocation and I/O call fail in turn'
	@echo 'make faults    kills, full disks, harmed files, clocks, crowds: under load through a real Postfix'
	@echo 'make from-oracle  hostile headers against the readers of other people; SEED=1'
	@echo 'make coverage  the lines of core that the last "make check" reached; fails below COVERAGE_LEAST=95 percent'
	@echo 'make lint      compilers, analyzers, shellcheck, forbidden functions, hardening'

.PHONY: all unit analyze tidy fuzz-build bench-build demo demo-cluster demo-web check check-busy browser bench bench-all bench-cluster blunting cluster-model cluster-killed fuzz torture faults from-oracle coverage lint deb check-packages \
        check-readme check-web-first check-demo check-valkey check-arm64 check-container check-metrics check-web-proxies check-proxies check-clients check-sendmail install clean help
.SECONDARY:
# Of what is not asked for they are left alone: another make may be writing them at this moment.
DEPENDENCIES = $(B) $(if $(filter analyze build/analyze/%,$(MAKECMDGOALS)),build/analyze) \
               $(if $(filter tidy build/tidy/%,$(MAKECMDGOALS)),build/tidy) \
               $(if $(filter fuzz-build build/fuzz/%,$(MAKECMDGOALS)),build/fuzz)
-include $(shell find $(DEPENDENCIES) -name '*.d' 2>/dev/null)
# Nobody makes these but the compiler: without this, the rule for build/fuzz/ would look for their sources.
build/fuzz/objects/%.d: ;
