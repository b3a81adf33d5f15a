# SPDX-License-Identifier: Apache-2.0
# nametap. `make help` lists the targets; V=1 shows the commands; BUILD=DIR builds elsewhere.

BUILD ?= build
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG ?= clang
CFLAGS ?= -O2 -g
Q := $(if $(V),,@)
comma := ,
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)';)

NT_CFLAGS := -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-command-line-argument \
	-fms-extensions -Wno-microsoft-anon-tag \
	-Wvla -Wmissing-prototypes -Wstrict-prototypes -fno-strict-aliasing -ffunction-sections -fdata-sections \
	$(OTHER_ABI:%=-I%) -I. -I$(BUILD)/gen $(addprefix -isystem $(SYSROOT)/usr/include/,$(if $(SYSROOT),. aarch64-linux-gnu) libnl3)
ifneq ($(SAN),)
NT_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
NT_LDFLAGS += -fsanitize=address,undefined
endif
ifeq ($(CC),gcc)
NT_CFLAGS := $(filter-out -Wno-unused-command-line-argument -Wno-microsoft-anon-tag,$(NT_CFLAGS))
endif
NT_LDFLAGS += -Wl,--gc-sections
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Werror $(OTHER_ABI:%=-I%) -I. -I/usr/include/$(shell uname -m)-linux-gnu

# Every folder with C is one archive; a binary is its main.c and the archives that it may use.
LIB := lib/base lib/dns lib/record lib/query lib/names lib/objects lib/pcap lib/policy lib/feed lib/http lib/kube
DATAPLANE := dataplane/taps dataplane/agent dataplane/installer dataplane/doctor
CONTROLLER := controller controller/store controller/alerts controller/feeds controller/notify controller/ingest controller/enrich controller/servers controller/policies controller/tls controller/agents controller/status
MODULES := $(LIB) $(DATAPLANE) cni $(CONTROLLER) api/http api/cli

# OTHER: another build, whose archives this one links instead of making its own (other-binaries), but for those of OWN: the folder
# with the BPF programs, or, with OTHER_ABI (a folder with another dataplane/abi.h), data plane and plugin. What else includes that
# file uses nothing that differs there (tests/bpf/other_abi.patch).
OWN := $(if $(OTHER_ABI),$(DATAPLANE) cni,dataplane/taps)
folder_of = $(if $(filter-out $(OWN),$(1)),$(or $(OTHER),$(BUILD)),$(BUILD))
objects_of = $(patsubst %.c,$(call folder_of,$(1))/obj/%.o,$(filter-out %/main.c,$(wildcard $(1)/*.c)))
archive_of = $(call folder_of,$(1))/lib/$(subst /,_,$(1)).a
archives = $(foreach m,$(1),$(call archive_of,$(m)))
ALL_ARCHIVES := $(call archives,$(MODULES)) $(BUILD)/lib/web_assets.a $(BUILD)/lib/stub.a
ALL_LIBS := -lbpf -lelf -lz -ldeflate -lnl-route-3 -lnl-3 -lmnl -ljansson -lcurl -lmicrohttpd -lgnutls -lsqlite3 -lyaml -lpsl -lidn2 -lpcap -lpthread -lm

BINARIES := $(addprefix $(BUILD)/,nametap nametap-agent nametap-controller nametapctl)
SKELETONS := $(patsubst dataplane/bpf/%.bpf.c,$(BUILD)/gen/%.skel.h,$(wildcard dataplane/bpf/*.bpf.c))

.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
.PHONY: all demo test e2e bench bench-store fuzz soak kernels lint image install clean help deps web \
	unit unit-san bpf-test golden netns-test web-test demo-test fuzz-build fuzz-coverage fuzz-planted tests-build format

all: deps ## build everything: build/nametap, nametap-agent, nametap-controller, nametapctl
	$(Q)$(MAKE) --no-print-directory binaries

.PHONY: binaries
binaries: $(BINARIES)

deps: ## install what is missing (apt, npm); a second run installs nothing
	$(Q)tests/house/deps

# --- compile -----------------------------------------------------------------------------------
$(BUILD)/obj/%.o: %.c | $(SKELETONS)
	$(Q)mkdir -p $(@D)
	$(call say,CC,$<) $(CC) $(CFLAGS) $(NT_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/bpf/%.bpf.o: dataplane/bpf/%.bpf.c $(wildcard dataplane/bpf/*.bpf.h) dataplane/abi.h
	$(Q)mkdir -p $(@D)
	$(call say,BPF,$<) $(CLANG) $(BPF_CFLAGS) -c $< -o $@

# The programs as another build has them, in a BUILD of its own (other-binaries).
ifneq ($(OTHER_ABI),)
$(patsubst dataplane/bpf/%.bpf.c,$(BUILD)/bpf/%.bpf.o,$(wildcard dataplane/bpf/*.bpf.c)): $(OTHER_ABI)/dataplane/abi.h
else ifneq ($(OTHER),)
$(BUILD)/bpf/tap.bpf.o: tests/bpf/other_build.bpf.c $(wildcard dataplane/bpf/*.bpf.[ch]) dataplane/abi.h
	$(Q)mkdir -p $(@D)
	$(call say,BPF,$<) $(CLANG) $(BPF_CFLAGS) -c $< -o $@
endif

$(BUILD)/gen/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(Q)mkdir -p $(@D)
	$(call say,SKEL,$<) bpftool gen skeleton $< name nt_$*_bpf > $@

define archive_rule
$(call archive_of,$(1)): $(call objects_of,$(1))
	$$(Q)mkdir -p $$(@D)
	$$(call say,AR,$(1)) rm -f $$@; ar rcs $$@ $$^
endef
$(foreach m,$(MODULES),$(eval $(call archive_rule,$(m))))

# --- link --------------------------------------------------------------------------------------
link = $(call say,LD,$@) $(CC) $(CFLAGS) $(NT_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group

# Static, without glibc's name lookups (dataplane/taps/nonames.c). Not --no-warnings: ld 2.40 then
# passes over undefined symbols, too.
STATIC := -static -Wl,--fatal-warnings $(addprefix -Wl$(comma)--wrap=,getaddrinfo getprotobyname getprotobynumber) \
	-Wl,-u,__wrap_getaddrinfo

# One static file: it is copied to nodes whose libraries are not known (and it starts faster).
$(BUILD)/nametap: $(BUILD)/obj/cni/main.o $(call archives,cni dataplane/taps lib/base)
	$(link) $(if $(SAN),,$(STATIC)) -lbpf -lelf -lz -lnl-route-3 -lnl-3 -ljansson -lpthread

# What an uninstall leaves in the plugin's place; part of the agent.
STUB_SOURCES := $(wildcard cni/stub/*.c) $(addprefix dataplane/installer/,users.c jsonspan.c) \
	$(addprefix lib/base/,base64.c buf.c file.c err.c)
$(BUILD)/nametap-stub: $(STUB_SOURCES) $(wildcard dataplane/installer/*.h lib/base/*.h)
	$(Q)mkdir -p $(@D)
	$(call say,STUB,cni/stub) musl-gcc -static -s -Os $(filter -std% -D% -W% -f% -I.,$(NT_CFLAGS)) -Wl,--gc-sections \
		-fno-sanitize=all -o $@ $(STUB_SOURCES)

$(BUILD)/lib/stub.a: dataplane/installer/stub.S $(BUILD)/nametap-stub
	$(Q)mkdir -p $(@D)
	$(call say,AR,stub) $(CC) -c -DNT_STUB='"$(BUILD)/nametap-stub"' -o $(BUILD)/lib/stub.o $< && \
		rm -f $@ && ar rcs $@ $(BUILD)/lib/stub.o

$(BUILD)/nametap-agent: $(BUILD)/obj/dataplane/agent/main.o $(call archives,dataplane/doctor dataplane/agent dataplane/installer dataplane/taps $(LIB)) $(BUILD)/lib/stub.a
	$(link) -lbpf -lelf -lz -lnl-route-3 -lnl-3 -lmnl -lcurl -lmicrohttpd -ljansson -lpsl -lidn2 -lyaml -lz -ldeflate -lpthread -lm

$(BUILD)/nametap-controller: $(BUILD)/obj/controller/main.o $(call archives,$(CONTROLLER) api/http $(LIB)) $(BUILD)/lib/web_assets.a
	$(link) -lmicrohttpd -lgnutls -lsqlite3 -lcurl -ljansson -lyaml -lpsl -lidn2 -lz -ldeflate -lpthread -lm

$(BUILD)/nametapctl: $(BUILD)/obj/api/cli/main.o $(call archives,api/cli $(LIB))
	$(link) -lpcap -lcurl -ljansson -lpsl -lidn2 -lyaml -lz -lm

# --- the page ----------------------------------------------------------------------------------
WEB_SOURCES := $(shell find api/web -path api/web/node_modules -prune -o -type f -print 2>/dev/null)
$(BUILD)/gen/web_assets.c: $(WEB_SOURCES)
	$(Q)mkdir -p $(@D)
	$(call say,WEB,api/web) cd api/web && node build.mjs --out $(abspath $(BUILD)/web) --c $(abspath $@)

$(BUILD)/obj/gen/web_assets.o: $(BUILD)/gen/web_assets.c
	$(Q)mkdir -p $(@D)
	$(call say,CC,$<) $(CC) $(CFLAGS) $(NT_CFLAGS) -c $< -o $@

$(BUILD)/lib/web_assets.a: $(BUILD)/obj/gen/web_assets.o
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@; ar rcs $@ $^

# --- tests -------------------------------------------------------------------------------------
C_TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
BPF_TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/bpf/test_*.c))

$(BUILD)/tests/unit/%: tests/unit/%.c $(ALL_ARCHIVES)
	$(Q)mkdir -p $(@D)
	$(call say,TEST,$<) $(CC) $(CFLAGS) $(NT_CFLAGS) $(NT_LDFLAGS) -MMD -MP -MF $@.d -o $@ $< \
		-Wl,--start-group $(ALL_ARCHIVES) -Wl,--end-group -lcheck -lsubunit -lrt $(ALL_LIBS)

$(BUILD)/tests/bpf/%: tests/bpf/%.c $(ALL_ARCHIVES)
	$(Q)mkdir -p $(@D)
	$(call say,TEST,$<) $(CC) $(CFLAGS) $(NT_CFLAGS) $(NT_LDFLAGS) -MMD -MP -MF $@.d -o $@ $< \
		-Wl,--start-group $(ALL_ARCHIVES) -Wl,--end-group -lcheck -lsubunit -lrt $(ALL_LIBS)

# The same tests as static files, for emulated machines. Not those that look for races and loads of
# which no kernel makes a difference, and which would take hours there.
GUEST_TESTS := $(patsubst tests/bpf/%.c,$(BUILD)/guest/%,$(filter-out %_differential.c %/test_taps.c %/test_share.c,$(wildcard tests/bpf/test_*.c)))
GUEST_ARCHIVES := $(call archives,dataplane/agent dataplane/taps lib/record lib/names lib/policy lib/dns lib/base)

$(BUILD)/guest/%: tests/bpf/%.c $(GUEST_ARCHIVES)
	$(Q)mkdir -p $(@D)
	$(call say,GUEST,$<) $(CC) $(CFLAGS) $(NT_CFLAGS) $(NT_LDFLAGS) $(STATIC) -s -MMD -MP -MF $@.d -o $@ $< \
		-Wl,--start-group $(GUEST_ARCHIVES) -Wl,--end-group $(if $(SYSROOT),$(addprefix -L$(SYSROOT),/usr/lib/aarch64-linux-gnu /lib/aarch64-linux-gnu)) \
		-lcheck -lsubunit -lrt -lbpf -lelf -lz -lnl-route-3 -lnl-3 -ljansson -ldeflate -lpsl -lidn2 -lunistring -lpthread -lm

.PHONY: guest-tests
guest-tests: $(GUEST_TESTS)

# Programs that test scripts use (a batch printer, a responder): one source each, any of our archives.
HELPERS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/helpers/*.c))

$(BUILD)/tests/helpers/%: tests/helpers/%.c $(ALL_ARCHIVES)
	$(Q)mkdir -p $(@D)
	$(call say,HELPER,$<) $(CC) $(CFLAGS) $(NT_CFLAGS) $(NT_LDFLAGS) -MMD -MP -MF $@.d -o $@ $< \
		-Wl,--start-group $(ALL_ARCHIVES) -Wl,--end-group $(ALL_LIBS)

# What the demo's pods run: real resolvers (two C libraries), and queries by hand.
DEMO_CLIENTS := $(addprefix $(BUILD)/demo/,client_resolv client_resolv_musl client_raw)
client_flags := -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -I.
.PHONY: demo-clients
demo-clients: $(DEMO_CLIENTS)

$(BUILD)/demo/client_resolv: tests/demo/clients/client_resolv.c
	$(Q)mkdir -p $(@D)
	$(call say,CLIENT,$<) gcc $(client_flags) -o $@ $<

$(BUILD)/demo/client_resolv_musl: tests/demo/clients/client_resolv.c
	$(Q)mkdir -p $(@D)
	$(call say,CLIENT,$<) musl-gcc -static $(client_flags) -o $@ $<

$(BUILD)/demo/client_raw: tests/demo/clients/client_raw.c lib/dns/name.c lib/base/parse.c lib/base/addr.c lib/base/arena.c lib/base/buf.c
	$(Q)mkdir -p $(@D)
	$(call say,CLIENT,$<) gcc $(client_flags) -o $@ $^ -lm

tests-build: $(C_TESTS) $(BPF_TESTS) $(HELPERS) $(DEMO_CLIENTS) bench-ours $(BUILD)/tests/bpf/other_build.bpf.o other-binaries

# Plugin and agent of another build, which tests/netns/test_upgrade upgrades to, and of another ABI version, for
# test_upgrade_abi.
.PHONY: other-binaries
other-binaries: binaries $(BUILD)/abi/dataplane/abi.h
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/other OTHER=$(BUILD) $(BUILD)/other/nametap $(BUILD)/other/nametap-agent
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/abi OTHER=$(BUILD) OTHER_ABI=$(BUILD)/abi $(BUILD)/abi/nametap $(BUILD)/abi/nametap-agent

$(BUILD)/abi/dataplane/abi.h: dataplane/abi.h tests/bpf/other_abi.patch
	$(Q)mkdir -p $(@D)
	$(Q)patch -s -o $@ dataplane/abi.h tests/bpf/other_abi.patch

run_tests := BUILD=$(abspath $(BUILD)) tests/house/run-tests
CPUS := $(shell nproc)
# Most programs wait more than they compute: two of them for each CPU.
WAITING := $(shell echo $$((2 * $(CPUS))))

unit: $(C_TESTS) ## unit tests (Check)
	$(Q)JOBS=$(WAITING) FIRST="test_who test_agent test_query_differential test_takeout" $(run_tests) unit $(C_TESTS)

unit-san: ## unit tests under ASan and UBSan, built with clang
	$(Q)$(MAKE) --no-print-directory -j$(CPUS) BUILD=$(BUILD)/san CC=clang SAN=1 unit

# Programs of another build, for test_upgrade.
OTHER_BUILD := $(BUILD)/tests/bpf/other_build.bpf.o
$(OTHER_BUILD): tests/bpf/other_build.bpf.c $(wildcard dataplane/bpf/*.bpf.[ch]) dataplane/abi.h
	$(Q)mkdir -p $(@D)
	$(call say,BPF,$<) $(CLANG) $(BPF_CFLAGS) -c $< -o $@

bpf-test: $(BPF_TESTS) $(OTHER_BUILD) ## BPF programs on built packets (root)
	$(Q)JOBS=$(CPUS) $(run_tests) bpf $(BPF_TESTS)

golden: $(BUILD)/nametapctl $(HELPERS) ## pcap in, text out; verdicts against an oracle
	$(Q)JOBS=$(CPUS) $(run_tests) golden $(wildcard tests/golden/test_*)

# Real programs, each in namespaces of its own, that wait for each other. The longest go first, so that none is left
# at the end; ALONE: these load the machine, or count how often others get the CPU.
LIVE := JOBS=$(WAITING) FIRST="test_uninstall test_cni_standing test_ends test_page test_cni_agent test_agent_restart \
	test_restarts test_dropin test_hostnet test_cgroup_roots test_agent_kube" ALONE="test_fair test_storm test_judge" $(run_tests)
NETNS_SUITE := netns $(wildcard tests/netns/test_*)
WEB_SUITE := web $(wildcard tests/web/test_*)
DEMO_SUITE := demo $(wildcard tests/demo/test_*)
netns-test: other-binaries $(HELPERS) $(DEMO_CLIENTS) ## real conflists, veths, resolvers in network namespaces (root)
	$(Q)$(LIVE) $(NETNS_SUITE)

web-test: binaries ## the page in headless Chromium
	$(Q)$(LIVE) $(WEB_SUITE)

demo-test: binaries $(HELPERS) $(DEMO_CLIENTS) ## the demo, its judge and the judge's own test (root)
	$(Q)$(LIVE) $(DEMO_SUITE)

.PHONY: live-test
live-test: other-binaries $(HELPERS) $(DEMO_CLIENTS) # these three beside each other: what make test runs
	$(Q)$(LIVE) $(NETNS_SUITE) + $(WEB_SUITE) + $(DEMO_SUITE)

test: deps ## all tests; closes with "N passed, N failed"
	$(Q)$(MAKE) --no-print-directory -j$(CPUS) binaries tests-build
	$(Q)BUILD=$(abspath $(BUILD)) MAKE="$(MAKE)" tests/house/test-all

demo: deps ## real DNS of real pods on a page; DEMO_SECONDS=N ends by itself
	$(Q)$(MAKE) --no-print-directory -j$(CPUS) binaries demo-clients
	$(Q)BUILD=$(abspath $(BUILD)) DEMO_SECONDS=$(DEMO_SECONDS) tests/demo/demo

FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 10
fuzz: deps ## each fuzzer for FUZZ_SECONDS (default 10) over the stored corpus
	$(Q)$(MAKE) --no-print-directory -j$(CPUS) BUILD=$(BUILD)/fuzzlib CC=clang SAN=1 CFLAGS="-O1 -g -fsanitize=fuzzer-no-link" \
		FUZZ_OUT=$(BUILD)/fuzz fuzz-build
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZERS="$(FUZZERS)" PROGRAM_SECONDS=86400 $(run_tests) fuzz tests/house/run-fuzzers

FUZZ_OUT ?= $(BUILD)/fuzz
fuzz-build: $(patsubst tests/fuzz/%.c,$(FUZZ_OUT)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_LINKED ?= $(call archives,$(LIB) cni $(DATAPLANE) controller/alerts controller/feeds controller/store)
$(FUZZ_OUT)/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_LINKED)
	$(Q)mkdir -p $(@D)
	$(call say,FUZZ,$<) $(CC) $(CFLAGS) $(NT_CFLAGS) -fsanitize=fuzzer $(NT_LDFLAGS) -o $@ $< \
		-Wl,--start-group $(filter %.a %.o,$^) -Wl,--end-group $(ALL_LIBS)

# The parsers of outside octets, and the fuzzers whose corpus has to reach them.
COVERED := $(filter-out lib/dns/pair.c lib/dns/siphash.c,$(wildcard lib/dns/*.c)) $(wildcard lib/pcap/*.c) \
	dataplane/agent/split.c
COVERING := dns pcap event $(if $(wildcard tests/fuzz/fuzz_stream.c),stream)
# All that these link, so that it costs seconds; nothing of it includes a skeleton.
covering_linked = $(addprefix $(1)/,lib/lib_base.a lib/lib_dns.a lib/lib_pcap.a obj/dataplane/agent/split.o)
COVERAGE_FLAGS := -O1 -g -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping
fuzz-coverage: deps ## line coverage of the parsers by the stored corpus; fails below 85 %
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/cov CC=clang CFLAGS="$(COVERAGE_FLAGS)" NT_LDFLAGS= SKELETONS= \
		FUZZ_OUT=$(BUILD)/cov/fuzz FUZZ_LINKED="$(call covering_linked,$(BUILD)/cov)" $(COVERING:%=$(BUILD)/cov/fuzz/fuzz_%)
	$(Q)V=1 COVERING="$(COVERING)" COVERED="$(COVERED)" $(run_tests) fuzz-coverage tests/fuzz/coverage

fuzz-planted: deps ## each of these fuzzers finds the bug that is planted for it
	$(Q)V=1 LINKED="$(call covering_linked,build)" $(run_tests) fuzz-planted tests/fuzz/planted/test_planted

# --- bench -------------------------------------------------------------------------------------
BENCHES := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/bench/bench_*.c))
BENCH_BPF := $(patsubst tests/%.bpf.c,$(BUILD)/tests/%.bpf.o,$(wildcard tests/bench/*.bpf.c))
bench: deps deps-bench ## measured ratios, judged; BENCH="NAME..." for some of them
	$(Q)$(MAKE) --no-print-directory binaries bench-build
	$(Q)BUILD=$(abspath $(BUILD)) tests/bench/bench $(BENCH)

.PHONY: deps-bench bench-build bench-ours
deps-bench: # yardsticks: libknot, tcpdump
	$(Q)tests/house/deps bench

bench-build: $(BENCHES) $(BENCH_BPF)
# What needs no yardstick's library is built with the tests, so that it keeps building.
bench-ours: $(filter-out %/bench_parse,$(BENCHES)) $(BENCH_BPF)

$(BUILD)/tests/bench/%.bpf.o: tests/bench/%.bpf.c dataplane/abi.h
	$(Q)mkdir -p $(@D)
	$(call say,BPF,$<) $(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/tests/bench/bench_parse: bench_libs := -lknot
$(BUILD)/tests/bench/bench_%: tests/bench/bench_%.c $(ALL_ARCHIVES)
	$(Q)mkdir -p $(@D)
	$(call say,BENCH,$<) $(CC) $(CFLAGS) $(NT_CFLAGS) $(NT_LDFLAGS) -MMD -MP -MF $@.d -o $@ $< \
		-Wl,--start-group $(ALL_ARCHIVES) -Wl,--end-group $(bench_libs) $(ALL_LIBS)

# --- kernels -----------------------------------------------------------------------------------
# KERNELS="5.10 6.1-arm64" boots those only; QUICK=1 runs two test programs in each, ALL=1 all of them.
KERNELS ?= 5.10 6.1 6.12 newest 6.1-arm64 6.12-arm64
ARM := $(BUILD)/kernels/arm64
GUEST_QUICK := test_kernel test_records
guest_tests = $(addprefix $(1)/guest/,$(if $(QUICK),$(GUEST_QUICK),$(if $(ALL),$(notdir $(GUEST_TESTS)),$(GUEST_QUICK) test_veth test_policy_veth test_hooks)))
.PHONY: deps-kernels kernels-arm64
kernels: deps deps-kernels $(if $(findstring arm64,$(KERNELS)),kernels-arm64) ## the programs on every supported kernel, in qemu; KERNELS="5.10 6.1-arm64"
	$(Q)$(MAKE) --no-print-directory -j$(CPUS) $(call guest_tests,$(BUILD))
	$(Q)KERNELS="$(KERNELS)" BUILD=$(abspath $(BUILD)) KERNEL_TESTS="$(abspath $(call guest_tests,$(BUILD)))" \
		KERNEL_TESTS_ARM64="$(abspath $(call guest_tests,$(ARM)))" PROGRAM_SECONDS=86400 \
		$(if $(COUNTS),$(run_tests) kernels-quick) tests/kernels/matrix

deps-kernels: # what the agent's code needs when it is linked statically
	$(Q)tests/house/deps kernels

kernels-arm64: deps
	$(Q)tests/house/deps arm64
	$(Q)tests/kernels/sysroot $(BUILD)/kernels/arm64-root
	$(Q)$(MAKE) --no-print-directory -j$(CPUS) BUILD=$(ARM) CC=aarch64-linux-gnu-gcc SYSROOT=$(abspath $(BUILD)/kernels/arm64-root) \
		$(call guest_tests,$(ARM))

.PHONY: kernels-quick
kernels-quick: ## three kernels, each kind of packet to its record in the log: what make test runs
	$(Q)$(MAKE) --no-print-directory kernels KERNELS="5.10 6.1 newest" QUICK=1

.PHONY: kills
kills: binaries $(HELPERS) ## the plugin killed -9 at entry and exit of every system call (root), in ten minutes
	$(Q)KILLS=all PROGRAM_SECONDS=86400 V=1 $(run_tests) kills tests/netns/test_kills

.PHONY: alert-kills alerts-soak
alert-kills: binaries $(HELPERS) ## the controller killed -9 50 times while rules are evaluated and told
	$(Q)KILLS=50 PROGRAM_SECONDS=86400 V=1 $(run_tests) alert-kills tests/netns/test_alert_kills

alerts-soak: deps ## ten minutes of the demo under the rules that ship, then a tunnel (root); SOAK_SECONDS=N
	$(Q)$(MAKE) --no-print-directory binaries demo-clients
	$(Q)PROGRAM_SECONDS=864000 V=1 $(run_tests) alerts-soak tests/soak/alerts

lint: deps ## format, includes, banned functions, headers' comments, shellcheck, codespell
	$(Q)$(run_tests) lint tests/house/lint

format: ## clang-format all C in place
	$(Q)git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

# --- the rest ----------------------------------------------------------------------------------
PREFIX ?= /usr/local
install: binaries ## binaries below $(DESTDIR)$(PREFIX); the plugin into $(DESTDIR)/opt/cni/bin
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)/opt/cni/bin
	$(Q)install -m 0755 $(BUILD)/nametap-agent $(BUILD)/nametap-controller $(BUILD)/nametapctl $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 0755 $(BUILD)/nametap $(DESTDIR)/opt/cni/bin

not_yet = @echo "make $@: not built yet ($(1))" >&2; exit 1
# E2E="test_podman" for some of them.
E2E ?= $(notdir $(wildcard tests/e2e/test_*))
e2e: deps ## in real runtimes: Kubernetes, podman, libcni (root; needs ../shared/cluster, or KUBECONFIG and E2E_LOAD_IMAGE)
	$(Q)tests/house/deps image
	$(Q)$(MAKE) --no-print-directory -j$(CPUS) binaries $(HELPERS)
	$(Q)BUILD=$(abspath $(BUILD)) tests/house/e2e $(addprefix tests/e2e/,$(E2E))
bench-store: ## the store's figures
	$(call not_yet,it comes with the store issue)
soak: deps ## hours under load (root); SOAK_SECONDS=N, an hour by default
	$(Q)$(MAKE) --no-print-directory binaries $(BUILD)/tests/helpers/dnsload
	$(Q)PROGRAM_SECONDS=864000 V=1 $(run_tests) soak tests/soak/soak
image: deps ## container images as tars in build/image; IMAGE_PREFIX, IMAGE_TAG, IMAGE_BASE
	$(Q)tests/house/deps image
	$(Q)$(MAKE) --no-print-directory -j$(CPUS) binaries
	$(Q)manifests/image/build $(BUILD)

clean: ## remove build/ and node_modules
	$(Q)rm -rf $(BUILD) api/web/node_modules

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
