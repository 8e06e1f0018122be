-- SPDX-License-Identifier: Apache-2.0
--- All reasons and facts that tiexec tells of, each with a code for programs and words for people.
-- Codes stay as they are, words may change; docs/REPORT.md lists them. A reason is passed on as its
-- words alone, also from one process to another: its code is found by them.

local codes = {}

--- Why a text is as it is, or why nothing could be done: formats of string.format, by code.
codes.reasons = {
    -- the plan
    ["no-room"] = "no %s page has room around it, as that would take in %s"
        .. " (linked with -z max-page-size=%#x it would have some)",
    ["no-room-small"] =
        "too small for a %s page of its own, which would take in %s: nothing to do",
    ["blocked-below"] = "its beginning stays on small pages: a huge page would take in %s",
    ["blocked-above"] = "its end stays on small pages: a huge page would take in %s",
    ["blocked-both"] =
        "both ends stay on small pages: huge pages would take in %s below it, and %s above it",
    ["no-page-inside"] = "it has no whole %s page inside (--strategy aggressive rounds outward)",
    ["too-little"] = "only %s of text: too little to be worth a huge page",
    ["writable"] = "it is writable",
    ["with-data"] = "it shares a segment with writable data",
    ["kernels-own"] = "it is the kernel's own, and tiny: nothing to do",
    ["shared-mapping"] = "it is a shared mapping",
    ["generated"] = "code that the program makes at run time, of no file: it is left alone",
    ["not-elf"] = "its file is not a native ELF object",
    ["settled"] = "it was dealt with before",
    ["other-kind"] = "it is mapped as %s",
    ["left-out"] = "the strategy left it out",
    ["cold"] = "it is cold, as far as was recorded",
    ["hot"] = "%d huge pages, which have %.1f %% of the samples",
    ["not-named"] = "the strategy leaves it as it is (--strategy aggressive takes all text)",
    ["beyond-limit"] = "beyond max_pages",
    ["refused"] = "%s refused: %s",
    ["takes-in"] = "it takes in %s",
    ["not-aligned"] = "not aligned to %s",
    ["no-object-text"] = "no text of an object is in it",
    ["overlaps"] = "it overlaps %#x-%#x",
    -- what was done
    ["no-copied-ends"] = "the strategy allows no copied ends",
    ["end-too-little"] = "the %s of text at this end are not worth a copy",
    ["no-more"] = "it has no more",
    ["not-this-end"] = "it cannot serve this end, because of %s",
    ["no-smaller-pages"] = "no smaller pages",
    ["smaller-instead"] = "smaller pages instead",
    ["broken"] = "%s; its text could not be put back, so the process was ended",
    ["not-put-back"] = "%s; and what it was is not put back: %s",
    -- all sources
    ["other-page-size"] = "its pages are of %s",
    ["no-file-text"] = "no text of a file is in it",
    ["file-gone"] = "its file has been replaced or cannot be read",
    ["file-error"] = "its file cannot be read (input/output error)",
    ["no-free-pages"] = "the kernel found no free huge pages: memory is fragmented or short"
        .. " (as root: echo 1 > /proc/sys/vm/compact_memory)",
    ["memory-short"] = "memory is short: a copy takes %s, and %s are available",
    ["memory-limit"] = "the memory limit of %s leaves no room: a copy takes %s, and %s are left",
    ["mapping-limit"] = "the process has nearly as many mappings as it may (vm.max_map_count)",
    ["disabled"] = "the process has disabled huge pages (PR_SET_THP_DISABLE)",
    ["written-to"] = "its text was written to (a breakpoint or uprobe?), which must not be copied",
    ["sharer"] = "process %d shares its memory, and would find no text",
    ["taken"] = "the address was taken",
    ["locked-hugetlb"] = "it is locked in memory, as which hugetlb memory does not count",
    ["locked-gaps"] = "it is locked in memory, and has gaps",
    ["locked-fill"] = "it is locked in memory, and what fills its gaps would be, too",
    ["locked-seccomp"] = "it is locked in memory, and seccomp may not allow to lock it again",
    ["locked-limit"] = "it is locked in memory, and could not be locked again (RLIMIT_MEMLOCK)",
    ["partly-locked"] = "only a part of it is locked, or left out of dumps or forks",
    ["numa-policy"] = "it has a policy of its own for NUMA nodes",
    ["property"] = "it has a property that is not known ('%s')",
    ["protection-key"] = "it has a protection key",
    -- file
    ["old-kernel"] = "needs Linux 5.18: the page cache has no huge pages",
    ["not-congruent"] = "its address does not fit the huge pages of its file, by %#x:"
        .. " only a copy can serve it (shared, thp, hugetlb)",
    ["no-file-page"] = "the file has no whole huge page there%s",
    ["stays-small"] = "its cached pages stay small",
    ["in-use"] = "its cached pages are small, and in use: they stay small until nobody maps them",
    ["in-use-by"] = "its cached pages are small, and stay so until %s"
        .. " (start that with tiexec, too; copies serve meanwhile: shared, thp)",
    ["in-use-unseen"] = "its cached pages are small, and in use by a process that cannot be seen"
        .. " from here, or locked: root may see it",
    ["no-large-folios"] = "its cached pages stay small, also when they are read again",
    ["filesystem-refuses"] = "its cached pages stay small, also when they are read again: %s"
        .. " (copies serve it: shared, thp)",
    ["not-recached"] = "its cached pages are small",
    ["not-on-medium"] = "its cached pages are small, and may not be had again: %s",
    ["no-answer"] = "its file cannot be read while the program stands still (which may serve it)",
    ["just-replaced"] = "its file has just been replaced",
    ["other-bytes"] = "the file at its path has other bytes",
    ["old-filesystem"] = "%s has huge pages in the page cache since Linux %s",
    -- shared
    ["tmpfs-denied"] = "huge pages are denied to tmpfs (shmem_enabled)",
    ["tmpfs-small"] = "tmpfs has no huge pages here "
        .. "(needs Linux 6.1, or TIEXEC_CACHE on a tmpfs mounted with huge=always)",
    ["unlike-other-starts"] = "its address differs from start to start, so no copy can be shared"
        .. " (tiexec moves programs that it starts)",
    ["no-mapped-page"] = "no whole huge page of the file as it was mapped",
    ["copy-small"] = "the copy is no longer on huge pages",
    ["copy-suspect"] = "%s is not used: %s",
    ["copy-removed"] = "the copy has just been removed",
    ["copy-in-the-making"] = "another process has long been making the copy",
    ["mapped-late"] = "it was mapped at the last moment",
    ["no-folder"] = "there is no folder for the copy",
    ["noexec"] = "%s is mounted noexec (mount -o remount,exec %s)",
    ["not-tmpfs"] = "%s is not on tmpfs (set TIEXEC_CACHE to a folder that is)",
    -- thp and hugetlb
    ["no-thp"] = "this kernel has no transparent huge pages%s",
    ["thp-off"] = "transparent huge pages%s are off (echo madvise > %s)",
    ["thp-unseen"] = "whether its pages are%s cannot be seen (as root it can)",
    ["no-hugetlb"] = "this kernel has no hugetlb pages of %s",
    ["pool-empty"] = "the hugetlb pool has no free page (%d in all; as root: %s)",
    ["hugetlb-limit"] = "%s (a hugetlb cgroup limit?)",
    -- a process as it is
    ["not-asked"] = "it was mapped without asking for huge pages",
    ["ends"] = "its ends are no whole huge pages",
    ["refuses"] = "it refuses huge pages (MADV_NOHUGEPAGE)",
    ["less-huge"] = "%.1f %% of its text is on huge pages, and %g %% are required",
    -- why nothing can be done for a program
    ["no-huge-pages"] = "this kernel has no huge pages",
    ["huge-pages-unseen"] = "this kernel has no huge pages, or /sys and /proc do not tell of them",
    ["traced"] = "it is being traced already, by %s (process %d)",
    ["no-proc"] = "/proc is not mounted, or is that of another pid namespace"
        .. " (mount -t proc proc /proc)",
    ["set-id"] = "it is a %s program, which would lose its rights under a tracer",
    ["32-bit"] = "it is a 32-bit program",
    ["process-limit"] = "no more processes may be started (ulimit -u, pids.max)",
    ["needs-ptrace"] = "needs ptrace",
    ["ptrace-capability"] = "ptrace needs CAP_SYS_PTRACE here "
        .. "(sysctl kernel.yama.ptrace_scope=1 lifts that; it is %d)",
    ["ptrace-forbidden"] = "%s (a container or security module forbids ptrace?)",
    ["seccomp"] = "a seccomp filter does not allow the system calls needed (%s)",
    ["own-seccomp"] = "its seccomp filter does not allow the system calls needed (%s)",
    ["own-seccomp-call"] = "its seccomp filter does not allow %s",
    ["seccomp-installed"] = "the program has installed a seccomp filter of its own",
    ["seccomp-unknown"] = "it has a seccomp filter, and what that allows is not known",
    ["seccomp-uncounted"] =
        "it has seccomp filters, and this kernel does not tell how many (Linux 5.9 does)",
    ["seccomp-strict"] = "it is in seccomp's strict mode",
    ["seccomp-untold"] = "its seccomp filters cannot be told: %s",
    ["no-strategy"] = "no strategy '%s' in %s",
    ["no-entry-point"] = "its entry point is not known",
    -- what --warm says of files
    ["no-program"] = "no program: %s",
    ["too-small"] = "too small: no whole huge page",
    ["mapped-small"] = "mapped small by %s",
    ["mapped-small-unseen"] =
        "mapped small by a process that this user may not look into, or locked",
    ["folios-unsupported"] = "its filesystem (%s) has no large folios",
    ["folios-unavailable"] =
        "the kernel had no free huge page, or its filesystem has no large folios",
    -- what --check says of sources
    ["filesystem-small"] = "%s; whether it has large folios is not known",
    ["filesystem-unknown"] = "not found",
    ["program-unknown"] = "it is not known which program",
    ["text-joined"] = "%s, whose cached text this kernel joins to huge pages",
}

--- What `--check` tells of a host and a program: formats of string.format, by code.
codes.facts = {
    ["kernel"] = "%s, %s",
    ["huge-page"] = "%s, of %s pages",
    ["huge-page-none"] = "none: this kernel is built without",
    ["huge-page-large"] = "%s: few programs have that much text",
    ["smaller-pages"] = "%s: THP %s, %d of %d free in the hugetlb pool",
    ["smaller-pages-off"] = "%s: THP %s, %d of %d free in the hugetlb pool",
    ["thp"] = "%s",
    ["thp-off"] = "%s",
    ["thp-none"] = "none: this kernel is built without",
    ["thp-other-size"] = "none of %s",
    ["tmpfs"] = "%s",
    ["tmpfs-collapse"] = "never, which MADV_COLLAPSE overrides",
    ["tmpfs-off"] = "%s",
    ["tmpfs-none"] = "none: this kernel is built without",
    ["pool"] = "%s",
    ["pool-empty"] = "%s",
    ["pool-none"] = "this kernel has none of %s",
    ["ptrace"] = "works",
    ["ptrace-refused"] = "%s",
    ["yama"] = "%s",
    ["yama-refuses"] = "%s",
    ["container"] = "%s",
    ["pid-namespace"] = "%s",
    ["memory-limit"] = "%s: private copies count",
    ["memory-limit-none"] = "no limit",
    ["hugetlb-limit"] = "%s",
    ["hugetlb-limit-low"] = "%s",
    ["hugetlb-limit-none"] = "no limit",
    ["counters"] = "work (perf stat -e iTLB-load-misses)",
    ["counters-refused"] = "not allowed",
    ["counters-none"] = "none: a virtual machine without a PMU? Measure by time",
    ["settings"] = "strategy %s, sources %s%s",
    ["settings-wrong"] = "%s",
    ["filesystem"] = "%s",
    ["filesystem-small"] = "%s",
    ["filesystem-unknown"] = "%s",
    ["program"] = "%s, %s of text",
    ["program-wrong"] = "%s",
    ["loads-later"] = "%s (--follow=auto, the default, sees to it)",
    ["worth-reach"] = "hardly: %s of text and no large library, where 64 entries of a TLB's first "
        .. "level reach %s",
    ["worth-none"] = "hardly: no text of its, or of a library, has room for a huge page",
    ["worth-others"] = "not by itself: no large text; but what it becomes, starts or loads may "
        .. "gain",
    ["worth-little"] = "hardly: huge pages save few TLB misses on this host",
    ["worth-splintered"] = "less than elsewhere: on this host one TLB entry does not serve a huge "
        .. "page",
    ["rights-lost"] = "%s: it would lose its rights under a tracer",
}

--- The code of whatever is in neither table: the kernel's own words, or those of a strategy.
codes.OTHER = "other"

--- Gives the words of a reason.
-- @string code
-- @param ... the values for its format
-- @treturn string
function codes.words(code, ...) return codes.reasons[code]:format(...) end

local patterns -- list of `{ code, pattern, literal }`, the most telling first; once it is needed

-- Makes a pattern of a format, in which anything stands for a value; and counts its other letters.
local function pattern_of(format)
    local marked = format:gsub("%%[#.%d]*%a", "\0"):gsub("%%%%", "%%")
    local pattern = marked:gsub("%p", "%%%0"):gsub("\0", ".-")
    return "^" .. pattern .. "$", #marked:gsub("\0", "")
end

local function make_patterns()
    local list = {}
    for code, format in pairs(codes.reasons) do
        local pattern, literal = pattern_of(format)
        list[#list + 1] = { code = code, pattern = pattern, literal = literal }
    end
    table.sort(list, function(a, b)
        if a.literal ~= b.literal then return a.literal > b.literal end
        return a.code < b.code
    end)
    return list
end

--- Finds the code of a reason by its words.
-- @string words maybe behind the name of a source: "file: …"
-- @treturn string
function codes.of(words)
    patterns = patterns or make_patterns()
    for _, entry in ipairs(patterns) do
        if words:find(entry.pattern) then return entry.code end
    end
    local rest = words:match("^%l[%l, ]*: (.+)$")
    return rest and codes.of(rest) or codes.OTHER
end

--- Finds the codes of a list of reasons.
-- @tparam table list of strings
-- @treturn table list of codes
function codes.list(list)
    local result = {}
    for i, words in ipairs(list) do result[i] = codes.of(words) end
    return result
end

return codes
