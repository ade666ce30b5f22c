# postern: `make demo` shows it, `make check` tests it, `make install` puts it in place. `make help` lists the rest.
#
# One build directory a variant: VARIANT=release (default), asan (ASan+UBSan), tsan, coverage. CC=gcc or clang.

PREFIX  ?= /usr
SYSCONFDIR ?= /etc
VARIANT ?= release
B        = build/$(VARIANT)

VERSION  = 0.1.0
CSTD     = -std=c11 -D_GNU_SOURCE -I. -DPOSTERN_VERSION='"$(VERSION)"'
WARN     = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
           -Werror=format-security -Wvla $(WERROR)
# 16-byte compare-and-swap (counters) is part of every x86-64 since 2006, but not of the compiler's baseline.
ARCH     = $(if $(filter x86_64,$(shell uname -m)),-mcx16)
HARDEN   = -fPIE -fstack-protector-strong -fstack-clash-protection $(if $(filter x86_64,$(shell uname -m)),-fcf-protection)
LDHARDEN = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

ifeq ($(VARIANT),release)
OPT      = -O2 -g -D_FORTIFY_SOURCE=2
else ifeq ($(VARIANT),asan)
OPT      = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
else ifeq ($(VARIANT),tsan)
OPT      = -O1 -g -fno-omit-frame-pointer -fsanitize=thread
else ifeq ($(VARIANT),coverage)
OPT      = -O0 -g --coverage
else
$(error VARIANT=$(VARIANT): expected release, asan, tsan or coverage)
endif

CFLAGS   ?=
LDFLAGS  ?=
ALL_CFLAGS  = $(CSTD) $(OPT) $(WARN) $(ARCH) $(HARDEN) -MMD -MP $(CFLAGS)
ALL_LDFLAGS = $(OPT) $(LDHARDEN) $(LDFLAGS)

CORE_LIBS   = -lidn2 -lunistring -llmdb -lconfig -lpthread
policyd_LIBS = -levent_core -levent_pthreads
milter_LIBS  = -lmilter
mirror_LIBS  = -ljansson

PROGRAMS = $(patsubst %,$(B)/postern-%,policyd milter mirror)

CORE_OBJ = $(patsubst %.c,$(B)/%.o,$(wildcard core/*.c))
# Everything of a program but its main, so that tests can link it.
objects  = $(patsubst %.c,$(B)/%.o,$(filter-out $(1)/main.c,$(wildcard $(1)/*.c)))

all: $(PROGRAMS)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/libcore.a: $(CORE_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

.SECONDEXPANSION:
$(B)/postern-%: $(B)/%/main.o $$(call objects,$$*) $(B)/libcore.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $($*_LIBS) $(CORE_LIBS)

# ---- unit tests: tests/unit/test_NAME.c; those of a program say so in a first-line comment "links: mirror" ----
UNIT_SRC = $(wildcard tests/unit/test_*.c)
UNIT     = $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(UNIT_SRC))
links_of = $(shell sed -n '1s/.*links: \([a-z ]*[a-z]\).*/\1/p' tests/unit/$(1).c)

$(B)/tests/unit/%: $(B)/tests/unit/%.o $$(foreach p,$$(call links_of,$$*),$$(call objects,$$p)) $(B)/libcore.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(foreach p,$(call links_of,$*),$($(p)_LIBS)) $(CORE_LIBS)

unit: $(UNIT)

.PHONY: all unit
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
