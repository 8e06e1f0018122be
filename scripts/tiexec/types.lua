-- SPDX-License-Identifier: Apache-2.0
---@meta
-- The shapes of the data that modules hand to one another, as annotations for the Lua language
-- server. This file has no code, and no module requires it. Unless a field says otherwise, sizes
-- are in bytes, and times are in seconds. An address is a Lua integer, to be read as unsigned.

-- ---- memory -------------------------------------------------------------------------------------

--- Addresses from `start` to just before `stop`.
---@class Range
---@field start integer The first address of the range.
---@field stop integer The first address beyond the range.

--- What a mapping is there for. harness/objects.lua tells the first seven kinds, which an object's
--- mappings have. plan/descriptions.lua tells those of all other mappings, from "heap" to "file".
---@alias MappingKind
---| "text" # executable, and never written to
---| "rodata" # read-only, and never written to
---| "relro" # read-only now, and written to before
---| "data" # writable
---| "guard" # not accessible
---| "execute-only" # executable, and not readable
---| "shared" # a shared mapping of an object
---| "heap" # the memory of brk
---| "stack" # the first thread's stack
---| "vdso" # code that the kernel provides
---| "kernel" # another mapping of the kernel's own
---| "anonymous" # of no file
---| "file" # of a file that is no object of the process
---| "settled" # text that this plan leaves alone

--- One line of /proc/PID/maps, as `mappings` gives it.
---@class Mapping: Range
---@field offset integer The offset in the file that is mapped at `start`.
---@field perms string The protection in letters, such as "r-xp".
---@field major integer The major number of the file's device.
---@field minor integer The minor number of the file's device.
---@field inode integer The file's inode, or 0 for a mapping of no file.
---@field path string The file's path or the kernel's name for the mapping, or "".
---@field object Object? The object that the mapping belongs to (added by harness/objects.lua).
---@field kind MappingKind? What the mapping is there for (added by plan/descriptions.lua).

--- A mapping with what /proc/PID/smaps tells of it: `mappings` gives these when details are
--- asked for. smaps counts hugetlb memory in `hugetlb` alone, and not in `rss`.
---@class DetailedMapping: Mapping
---@field rss integer The bytes that the process has pages of.
---@field pss integer The bytes in memory, where each page is divided among those that map it.
---@field private_dirty integer The bytes that this process alone maps, and has written to.
---@field anonymous integer The bytes on pages that belong to no file.
---@field swap integer The bytes of such pages that are in swap space.
---@field anon_huge integer The bytes on transparent huge pages of anonymous memory.
---@field shmem_huge integer The bytes on huge pages of tmpfs and shared memory.
---@field file_huge integer The bytes on huge pages of the page cache.
---@field hugetlb integer The bytes on hugetlb pages.
---@field kernel_page_size integer The size of the pages that the kernel maps here.
---@field protection_key integer The protection key of the mapping; 0: the default one.
---@field vm_flags string The kernel's flags for the mapping, two letters each, such as "rd ex mr".

--- The bytes of a range by the pages that map them (`target.pages`, `core.pagemap`).
---@class PageSums
---@field file_huge integer The bytes of files on huge pages.
---@field anon_huge integer The bytes of anonymous memory on huge pages, hugetlb included.
---@field file_small integer? The bytes of files on small pages; nil: before Linux 6.7.
---@field anon_small integer The bytes of anonymous memory on small pages.
---@field unknown string? Why nothing can be told; then `anon_small` is the whole range.

--- How many pages of one size there are.
---@class PageCount
---@field size integer The size of one page.
---@field count integer The number of these pages.

-- ---- files --------------------------------------------------------------------------------------

--- A program header, with the field names of <elf.h>.
---@class Segment
---@field type integer PT_LOAD, PT_GNU_RELRO and so on.
---@field flags integer PF_R, PF_W and PF_X, combined.
---@field offset integer Where the segment begins in the file.
---@field vaddr integer Where the segment begins in memory, before the load bias.
---@field filesz integer The size in the file.
---@field memsz integer The size in memory; what lies beyond `filesz` is zero.
---@field align integer The alignment that the segment asks for.

--- The headers of an ELF file (`tiexec.image`). Nobody may change an image.
---@class Image
---@field class integer ELFCLASS64 or ELFCLASS32.
---@field machine integer The CPU, EM_*.
---@field type integer ET_EXEC, ET_DYN and so on.
---@field entry integer The entry point, before the load bias.
---@field device integer The file's device; 0 for an image read from memory.
---@field inode integer The file's inode; 0 for an image read from memory.
---@field size integer The file's size; 0 for an image read from memory.
---@field text_relocations boolean Whether the dynamic linker writes to the text.
---@field needed integer How many libraries it names (DT_NEEDED).
---@field native boolean Whether a 64-bit process of this CPU can run the file.
---@field build_id string? The build-id in hexadecimal, where the file has one.
---@field segments Segment[] All program headers, in the file's order.

--- What stat(2) tells of a file (`core.stat`).
---@class Stat
---@field device integer The number of the file's device.
---@field inode integer The file's inode.
---@field size integer The file's size.
---@field mtime integer When the contents were changed last, in nanoseconds since 1970.
---@field mode integer The file's type and rights.
---@field uid integer The user that owns the file.
---@field allocated integer The bytes that the file takes on its filesystem.

--- A mounted filesystem (`filesystem.mounts`).
---@class Mount
---@field point string The folder where it is mounted.
---@field within string The folder of the filesystem that is seen at that point.
---@field type string The filesystem's type, such as "ext4".
---@field source string The device, or another name that the mount was given.
---@field options string The options of the mount and of the filesystem, separated by commas.

--- The filesystem that a path lies on (`filesystem.of`).
---@class Filesystem
---@field type string The filesystem's type, such as "ext4".
---@field point string The folder where it is mounted.
---@field noexec boolean Whether it is mounted noexec.
---@field large_folios boolean? Whether its page cache has huge pages; nil: not known.
---@field why string? Why its page cache has no huge pages.

-- ---- processes ----------------------------------------------------------------------------------

--- A live process under trace. core/lua/{inferior,memory,registers,breakpoint,cache}.c have its
--- methods, and harness/inferiors.lua has those that are made of others. What is in the modules of
--- harness/late.lua is loaded when a script asks for it.
---@class Inferior: userdata

--- A breakpoint or watchpoint (harness/points.lua).
---@class Point
---@field id integer No other point of the inferior ever has it.
---@field inferior Inferior The inferior that it is in.
---@field address integer Where it is.
---@field size integer? Watchpoints: bytes.
---@field kind string? Watchpoints: "write", "read" or "access".
---@field hardware boolean Whether it uses debug registers.
---@field condition (fun(inferior: Inferior, event: Event, point: Point): any)? It stops a thread
--- only if this gives something true.
---@field ignore_count integer How many more hits are passed over.
---@field hit_count integer How many hits there were, where the condition held.
---@field temporary boolean Whether it is deleted once it has stopped a thread.
---@field enabled boolean Whether it is in place; setting it changes that.
---@field thread integer? The only thread that it stops; setting it changes that.
---@field delete fun(self: Point): true?, string?, integer? Removes it, if it is still there.
---@field enable fun(self: Point, on: boolean): true?, string?, integer? Takes it out, or back in.
---@field is_hardware fun(self: Point): boolean
---@field is_valid fun(self: Point): boolean Tells whether it is still there.

--- The siginfo of a signal (`inferior:siginfo`).
---@class Siginfo
---@field signal integer The signal's number.
---@field code integer Where it comes from: SI_USER and the like.
---@field errno integer An error number; 0 for almost all signals.
---@field pid integer? Who has sent it; not of a fault.
---@field uid integer? The sender's user; not of a fault.
---@field status integer? Of a SIGCHLD: the exit status or signal.
---@field value integer? Of other signals: what was sent with it.
---@field address integer? Of a fault: where.
---@field bytes string All of it, as the kernel has it.

---@alias EventReason
---| "exec" # the process has become another program
---| "breakpoint-hit" # a thread is at a breakpoint
---| "watchpoint-trigger" # a thread has written what is watched
---| "read-watchpoint-trigger" # a thread has read what is watched
---| "access-watchpoint-trigger" # a thread has written or read what is watched
---| "signal-received" # a signal is about to be delivered to a thread
---| "syscall-entry" # a thread is about to make a system call
---| "syscall-return" # a system call of a thread has ended
---| "end-stepping-range" # a thread has executed one instruction
---| "fork" # the process has forked
---| "vfork" # the process has forked, and waits for the child's exec or end
---| "group-stop" # job control has stopped a thread
---| "thread-exited" # a thread has ended
---| "exited" # the process has ended
---| "exited-signalled" # a signal has ended the process

--- What has happened to a thread of an inferior (`inferior:wait`). Each optional field comes with
--- the reasons that it names.
---@class Event
---@field reason EventReason What has happened.
---@field thread integer The id of the thread to which it has happened.
---@field address integer? "breakpoint-hit": its address; watchpoints: that of what is watched.
---@field points Point[]? Breakpoints and watchpoints: those that have stopped the thread.
---@field old integer|string? Watchpoints: the value that was told last.
---@field new integer|string? Watchpoints: the value now.
---@field stepped boolean? Breakpoints and watchpoints: a step has led there.
---@field condition_error string? A condition has failed, for this reason.
---@field signal integer? "signal-received", "group-stop", "exited-signalled": the signal's number.
---@field signal_name string? The signal's name, such as "SIGINT", where it has one.
---@field syscall integer? "syscall-entry", "syscall-return": the number of the system call; nil at
--- the return: the thread was in the call when the process was attached to.
---@field arguments integer[]? "syscall-entry": the six arguments.
---@field result integer? "syscall-return": what the system call gave; errors are negative.
---@field child integer? "fork", "vfork": the child's process id.
---@field exit_code integer? "exited": the exit status.
---@field core_dumped boolean? "exited-signalled": whether the kernel has written a core dump.

--- What `tiexec.launch` is given: the command line is the list part, or its first value.
---@class Launch
---@field env table<string, string|false>|string[]? Changes of the environment, or all of it.
---@field cwd string? The folder that the program is in.
---@field stdin string|file*|integer|false? A path, a file, a descriptor, or /dev/null.
---@field stdout string|file*|integer|false? The same; a path is made or emptied.
---@field stderr string|file*|integer|false? The same.
---@field user string? USER[:GROUP].
---@field aslr boolean? false: addresses are the same each time.

--- Memory that a call in an inferior reads and writes (harness/buffers.lua).
---@class Buffer
---@field bytes string What it holds.
---@field string fun(self: Buffer): string Gives the bytes up to the first NUL.
---@field unpack fun(self: Buffer, format: string, position?: integer): ... Unpacks values.

--- A function or data of an inferior (harness/symbols.lua).
---@class Symbol
---@field name string The name, without a version.
---@field address integer The address in memory.
---@field size integer The size; 0: it is not known.
---@field kind "function"|"object"|"ifunc"|"label" What it is; "ifunc": a function that chooses one.
---@field is_local boolean Whether other objects cannot see it.
---@field object Object The object that it belongs to; that of the vdso has `bytes`, its image.
---@field offset integer? `symbol_at`: the bytes from `address` to the one that was asked about.

--- A frame of a backtrace (harness/backtraces.lua).
---@class Frame
---@field pc integer Where the frame is; beyond the first, where a call in it will return to.
---@field text string "main+27", or the pc.
---@field name string? The function's name.
---@field symbol Symbol? The function, with the pc's offset.

--- The frames of a thread, the innermost first.
---@class Backtrace
---@field by "tables"|"frame-pointers" How it was made.
---@field complete boolean Whether it is known that the last frame has no caller.
---@field [integer] Frame

--- What a core file has of one mapping (`inferior:write_core`).
---@class CoreSegment: Range
---@field dumped integer The first bytes of it that are written.
---@field flags integer PF_R, PF_W and PF_X, combined.
---@field sparse boolean Whether pages that the process does not have are zeros.

--- Bytes to and from another program (core/lua/stream.c): a socket, or a pair of pipes.
---@class Stream: userdata
---@field read fun(self: Stream, timeout?: integer): string?, string?, integer? Reads; "": the end.
---@field write fun(self: Stream, bytes: string, timeout?: integer): boolean?, string? Writes.
---@field accept fun(self: Stream, timeout?: integer): Stream?, string?, integer? Waits for a peer.
---@field close fun(self: Stream) Closes it.

--- What a stub of GDB's remote protocol has (`tiexec.connect`): the methods of an inferior, as far
--- as packets can do that (gdb/client/).
---@class Remote
---@field exec_file fun(self: Remote): string?, string?, integer? Gives the path of the program.
---@field libraries fun(self: Remote): table?, string?, integer? Lists the libraries.
---@field read_file fun(self: Remote, path: string): string?, string?, integer? Reads a file there.

--- A process seen through /proc alone (`observed.open`): neither stopped nor traced. It has those
--- methods of an inferior that descriptions and sources need.
---@class Observed
---@field id integer The process id.
---@field name string The name that the kernel has for the process.
---@field executable string? The path of its program, where /proc tells it.
---@field thp_disabled boolean Whether it has disabled huge pages (PR_SET_THP_DISABLE).
---@field pid fun(self: Observed): integer Gives the process id.
---@field auxv fun(self: Observed): table?, string?, integer? Reads the auxiliary vector.
---@field mappings fun(self: Observed, details?: boolean): Mapping[]?, string? Reads the mappings.
---@field read_memory fun(self: Observed, address: integer, size: integer): string? Reads memory.
---@field remote_syscall fun(): nil, string, integer Refuses every system call.

-- ---- a target -----------------------------------------------------------------------------------

--- A file that a target has opened. Closing this value makes the target close the file.
---@class TargetFile
---@field target Target The process that has opened the file.
---@field fd integer The file descriptor in that process.

--- The file of a mapping, as this process can reach it (harness/files.lua).
---@class MappedFile
---@field path string? A path by which this process can read it; nil: it is gone, or replaced.
---@field stat Stat? What stat(2) tells of it, if there is a path.
---@field image Image? Its headers; nil: they cannot be read, or it is no ELF file.
---@field handle integer? The file, opened before its process was stopped: a descriptor of ours.
---@field direct integer? The same, to be read from its medium, past the page cache.

--- A part of a target's memory, and its place in a copy of the source `shared` (core/lua/cache.c).
---@class CacheRange: Range
---@field offset integer Where the range begins in the copy, a multiple of `huge`.
---@field huge integer The size of a huge page.
---@field pieces Range[] What is mapped in the range; the rest of the copy stays zero.

---@alias Call fun(name: string, ...: integer): integer?, string?, integer?
---@alias ReadMemory fun(address: integer, size: integer): string?, string?, integer?
---@alias CopyMemory fun(to: integer, from: integer, size: integer): boolean?, string?, integer?
---@alias FindFile fun(mapping: Mapping): string?, Image?, MappedFile?
---@alias OpenFile fun(path: string, stat: Stat, mine?: file*|integer): TargetFile?, string?
---@alias CacheAction fun(fd: integer, range: CacheRange): boolean?, string?, integer?
---@alias ProtectionOf fun(start: integer, stop: integer): integer?, string?
--- With a range only the mappings that overlap it need be as they are now.
---@alias MappingsOf fun(range?: Range): Mapping[]?, (integer|string)?, integer?
---@alias FoliosOf fun(start: integer, stop: integer, size: integer): integer?, string?, integer?

--- A process that the sources and the executor act on (harness/targets.lua): a traced one, or this
--- very process, in which steps are tried out. What may be nil is missing in the latter. A function
--- that fails gives nil and the reason, and where the kernel has refused, errno as well.
---@class Target
---@field pid integer The process id.
---@field call Call Makes the process execute a system call, and gives the result.
---@field read ReadMemory? Reads the process's memory.
---@field copy CopyMemory Copies memory within the process, and compares the copy with the original.
---@field mappings MappingsOf Reads them, joined; and how many there are.
---@field file FindFile Gives a path that leads to a mapping's file, and the image; nil: none does.
---@field descriptor fun(m: Mapping, direct: boolean): integer? Gives ours, while it stands still.
---@field file_size fun(mapping: Mapping): integer? Gives the size of a mapping's file.
---@field has_text_relocations fun(mapping: Mapping): boolean Tells whether its file asks for them.
---@field open (fun(mapping: Mapping): TargetFile?, string?)? Has the process open a mapping's file.
---@field open_file OpenFile? Has it open the file of `stat`, or gives it the one that is open here.
---@field hand_over (fun(file: file*|integer): TargetFile?, string?)? Gives it a file of ours.
---@field cache_fill CacheAction? Fills a copy that was begun with the bytes of a range.
---@field cache_compare CacheAction? Compares a copy with the bytes of a range.
---@field executable ProtectionOf Gives PROT_EXEC, with what else protects the text.
---@field name fun(address: integer, size: integer, name: string) Names anonymous memory for maps.
---@field thp_disabled fun(): boolean Tells whether the process has disabled huge pages.
---@field pages fun(start: integer, stop: integer): PageSums Tells by which pages a range is mapped.
---@field folios FoliosOf Gives the bytes on pages of at least `size`; root alone may ask.

-- ---- objects and descriptions -------------------------------------------------------------------

--- An ELF file that is mapped in a process (harness/objects.lua).
---@class Object
---@field path string The path that /proc/PID/maps has.
---@field name string The last part of the path.
---@field build_id string? The build-id in hexadecimal, where the file has one.
---@field entry integer The file's entry point, before the load bias.
---@field bias integer The load bias: what is added to the file's addresses.
---@field file_size integer The file's size.
---@field text_relocations boolean Whether the dynamic linker writes to the text.
---@field segments Segment[] The program headers.
---@field span Range The addresses from the first to the last segment.
---@field mappings Mapping[] The object's mappings, in order of address.

--- What a strategy is given of an inferior (plan/descriptions.lua). A description is plain data.
---@class Description
---@field pid integer The process id.
---@field stage Stage The stage that the description is made for.
---@field entry integer? The address of the program's entry point.
---@field executable Object? The object of the program itself.
---@field objects Object[] The objects, in order of address.
---@field mappings Mapping[] The mappings of user addresses, in order of address.
---@field heap Range? Where the heap may grow.
---@field stack Range? Where the first thread's stack may grow.

--- A pool of hugetlb pages. The counts are numbers of pages.
---@class Pool
---@field page_size integer? The size of a page; nil: the kernel has no pool of that size.
---@field total integer The pages of the pool.
---@field free integer The pages that nobody has.
---@field reserved integer The free pages that are promised to mappings.
---@field surplus integer The pages that the pool has taken beyond its own size.
---@field overcommit integer How many pages the pool may take beyond its own size.

--- A description of the host for huge pages of one size (core/lua/host.c, harness/hosts.lua).
---@class Host
---@field arch string The CPU, such as "x86-64".
---@field page_size integer The size of a base page.
---@field huge_page_size integer The size of the huge pages in question; 0: the kernel has none.
---@field pmd_size integer The size of a PMD-sized page; 0: the kernel has none.
---@field contiguous_size integer A run of base pages that the TLB may hold as one; 0: none.
---@field kernel string The kernel's release, such as "6.18.1".
---@field kernel_version integer[] The major and the minor number of that release.
---@field thp string The mode in force of transparent huge pages of the size; "": there are none.
---@field shmem_thp string The mode in force of huge pages on tmpfs; "": there are none.
---@field yama integer kernel.yama.ptrace_scope; -1: there is no Yama.
---@field nodes integer The number of NUMA nodes with memory.
---@field uid integer The user that this process runs as.
---@field capabilities integer The capabilities in effect, one bit each.
---@field hugetlb table<integer, Pool> The hugetlb pools, by the size of their pages.
---@field pool Pool The hugetlb pool of pages of `huge_page_size` (added by harness/hosts.lua).

-- ---- settings -----------------------------------------------------------------------------------

---@alias Stage
---| "entry" # the program is at its entry point
---| "dlopen" # a running program has mapped libraries
---| "attach" # somebody asked for a running process

---@alias DebugWord "maps" | "plan" | "syscalls" | "timing"
---@alias FollowWord "auto" | "none" | "exec" | "fork" | "all" | "dlopen"
---@alias Recache "never" | "if-unmapped"

---@alias SourceName "file" | "shared" | "thp" | "hugetlb"

--- What may be set on the command line, by the variable TIEXEC and by profiles (plan/settings.lua).
--- What nobody has set is nil. The command line adds actions such as `check`, by their names.
---@class Settings
---@field strategy string|table|function? The strategy's name or path; a script's own, itself.
---@field parameters table<string, string|number|boolean>? The strategy's parameters.
---@field sources SourceName[]? The sources, the preferred one first.
---@field ["page-size"] integer? The size of the huge pages that are wanted.
---@field align boolean? Whether an executable may be moved to a congruent base.
---@field recache Recache? Whether `file` may drop small pages from the page cache.
---@field strict boolean? Whether a failure keeps the program from being started.
---@field verbose boolean? Whether the table of what was done is shown.
---@field ["perf-map"] boolean? Whether profilers are to find the functions of private copies.
---@field profile string? The file of the profile to be used.
---@field recording string? The file of the executable's recording.
---@field ["max-pages"] integer? How many huge pages a strategy such as hot may ask for.
---@field report string? The path of the file for the report.
---@field debug table<DebugWord, true>? The inner workings to be shown.
---@field follow table<FollowWord, true|integer>? What is done after the start; auto: its seconds.
---@field ["dry-run"] boolean? Whether the plan is shown, and nothing is done.
---@field report_file file*? The report's file, open (added by who has opened it).

--- The settings in force for one executable, with their strategy (plan/choice.lua). `strategy` and
--- `debug` are always set, and `profile` is the file whose profile was taken.
---@class Chosen: Settings
---@field executable string? The path of the executable, where that is known.
---@field definition StrategyDefinition? The strategy that is in force; nil: see `wrong`.
---@field wrong string? Why nothing can be done by these settings.
---@field names SourceName[] The sources in force, the preferred one first.
---@field build_id string? That of the executable, for a strategy that wants its recording.
---@field recorded Recording? The executable's recording, likewise (added by `choice.prepare`).
---@field host Host? The host, described for the pages in question (added by `choice.prepare`).

--- What a strategy's file declares, without its function (plan/strategy.lua).
---@class StrategyDefinition
---@field name string The strategy's name.
---@field path string? The path of the strategy's file; nil: it is a script's own.
---@field plan function? Makes the plan, of a script's own.
---@field parameters table? The types, and maybe the defaults, of its parameters.
---@field stages Stage[] The stages at which the strategy plans.
---@field description string? The strategy in a few words.
---@field sources SourceName[]? The sources to be used where the settings name none.
---@field align boolean? Whether executables may be moved to a congruent base.
---@field recache Recache? Whether `file` may drop small pages from the page cache.
---@field copied_ends boolean? Whether an end of what `file` serves may be a copy.
---@field recordings boolean? Whether the strategy wants the executable's recording.

-- ---- plans --------------------------------------------------------------------------------------

--- One operation of a plan (plan/validate.lua).
---@class Operation: Range
---@field op "remap" | "keep" Whether the range is to have huge pages, or to stay as it is.
---@field object string? The path of the object whose text the range has.
---@field note string? remap: what kept the range from being larger.
---@field sources SourceName[]? remap: the sources to be tried; nil: those in force.
---@field page_size integer? remap: the size of the pages; nil: the size in question.
---@field optional boolean? remap: whether it is no failure that no source can serve the range.
---@field reason string? keep: why the range stays as it is.

--- An operation that was refused (plan/validate.lua).
---@class Refused
---@field name string The operation by its number and range.
---@field reason string Why it was refused.

-- ---- sources ------------------------------------------------------------------------------------

---@alias Prepare fun(target: Target, range: Range, host: Host)
---@alias Offers fun(host: Host): boolean?, string?
---@alias Fit fun(target: Target, range: Range, host: Host): Part?, string?
---@alias Replace fun(target: Target, part: Part, host: Host, how: RunOptions): boolean?, string?

--- Where huge pages come from (sources/init.lua). A function that fails gives nil and the reason;
--- `replace` adds "broken" if it knows that the text of the process is not whole any more.
---@class Source
---@field name SourceName The name of the source.
---@field description string The source in a few words.
---@field uses_pool boolean? Whether the host must be described anew for each range.
---@field offers Offers? Tells whether the host has such pages; nil: it offers PMD-sized ones alone.
---@field fit Fit Gives the part of a range that the source could serve now; nothing is changed.
---@field prepare Prepare? Opens what `replace` needs of files, for a range of a running process.
---@field release fun()? Closes what `prepare` has opened, when the process runs again.
---@field keeps_file boolean? Whether the text stays a mapping of its own file.
---@field replace Replace Puts huge pages with the same bytes in the place of a part.
---@field anonymous boolean? Whether the text becomes anonymous memory, which perf needs a map for.
---@field replace_in_place (fun(target: Target, part: FilePart, host: Host): boolean)? Serves a part
--- by the mappings that it has. false: the part is as it was.
---@field rehearse fun(target: Target, host: Host)? Makes the same system calls, to no effect.

--- The part of a range that a source can serve (a source's `fit`). A source may add fields.
---@class Part: Range
---@field below string? What keeps the source from serving what lies below.
---@field above string? What keeps the source from serving what lies above.

--- The part that the source `file` can serve (sources/file.lua).
---@class FilePart: Part
---@field text Mapping The largest text of the range.
---@field base integer The address at which the first byte of the file would be mapped.
---@field mappings Mapping[] The mappings of the process.

--- The part that the source `shared` can serve (sources/shared.lua).
---@class SharedPart: Part
---@field text Mapping The largest text of the range.
---@field original Original The file that the text is from.
---@field offset integer Where the text begins in the copy.
---@field huge integer The size of a huge page.
---@field pieces Piece[] What the part is made of.

--- The file that a copy of the source `shared` is made from.
---@class Original
---@field path string The path that /proc/PID/maps has.
---@field readable string A path by which this process can read the file.
---@field stat Stat What stat(2) tells of the file.
---@field build_id string? The build-id in hexadecimal, where the file has one.
---@field bias integer The load bias of the object.

--- A piece of a range: a mapping's share of the range, or a gap (sources/pieces.lua).
---@class Piece: Range
---@field perms string? The protection in letters; nil: nothing is mapped here.
---@field inode integer? The inode that was mapped here.
---@field protection integer? The protection as mmap takes it; nil: nothing is mapped here.
---@field offset integer? The offset in the file; a gap has one where it is known how the file lies.
---@field foreign string? What the piece is, if it is not the file's own bytes.

--- A stretch of memory with its properties (harness/properties.lua).
---@class Stretch: Range
---@field given table<string, boolean> The VmFlags of smaps that other memory there must be given.

-- ---- carrying out a plan ------------------------------------------------------------------------

---@alias Trace fun(name: string, arguments: table, result: integer?, why: string?)

--- How operations are carried out (remap/executor.lua).
---@class RunOptions
---@field trace Trace? Is told of each remote system call.
---@field warn fun(line: string)? Is told of a file that somebody should remove.
---@field recache Recache? Whether `file` may drop small pages from the page cache.
---@field copied_ends boolean? Whether an end of what `file` serves may be a copy.
---@field host Host? The host, described for the pages in question.
---@field perf_map boolean? Whether perf is to find the copies by a map, and not by a name.

--- A source that could not serve a range.
---@class Tried
---@field source SourceName The source that was tried.
---@field why string Why it could not serve the range.

--- What has become of an operation's range, or of a part of it (remap/executor.lua).
---@class Result: Range
---@field source SourceName? The source of the huge pages; nil: the range is as it was.
---@field page_size integer? The size of the huge pages.
---@field tried Tried[] The sources that were tried before.
---@field seconds number How long all of it took.
---@field object string? The path of the object whose text the range has.
---@field note string? What kept the operation's range from being larger.
---@field kept string? Why it is no failure that the range is as it was.

--- What has come of a stage (remap/stage.lua).
---@class Outcome
---@field name string The program's name, for messages.
---@field pid integer The process id.
---@field stage Stage The stage.
---@field executable string? The path of the executable.
---@field host Host The host, described for the pages in question.
---@field description Description The process as it was before.
---@field is_new (fun(object: Object?): boolean)? Tells which objects are in question; nil: all.
---@field strategy string The strategy's name.
---@field parameters table The strategy's parameters, complete.
---@field sources SourceName[] The sources in force.
---@field profile string? The file whose profile was taken.
---@field operations Operation[] The plan.
---@field refused Refused[] What was refused of the plan.
---@field second fun(done: Range[]): Operation[] Makes the second plan, for what lies beside `done`.
---@field done Range[] The ranges that were huge already.
---@field results Result[] What has become of each range.
---@field warnings string[] Files that are not used and that somebody should remove, in words.
---@field dry boolean? Whether the plan is only shown.
---@field report table? What `stage.tell` will show and write of it (show/report.lua).
---@field complaint string? What has gone wrong, in one line.

-- ---- showing ------------------------------------------------------------------------------------

--- By which pages a range is mapped (show/report.lua).
---@class CountedPages
---@field huge_bytes integer The bytes on pages larger than the base page.
---@field pages PageCount[] The pages by size, the largest first.
---@field total integer The number of all pages.
---@field huge integer The number of pages larger than the base page.
---@field small integer The number of base pages.

--- What a report tells of one executable mapping.
---@class ReportRow: Range
---@field object string The path of the mapping's object or file.
---@field size integer The size of the mapping.
---@field before CountedPages The pages before anything was done.
---@field after CountedPages The pages afterwards.
---@field source string? The sources of the huge pages, separated by commas.
---@field seconds number? How long the sources took.
---@field why string[] The reasons why it is as it is.

--- The sums of a report's rows.
---@class ReportTotals
---@field bytes integer The bytes of text.
---@field huge_bytes integer The bytes of text on huge pages afterwards.
---@field pages_before integer The number of pages before.
---@field pages_after integer The number of pages afterwards.
---@field seconds number How long the sources took.

--- What was planned, and what came of it (show/report.lua).
---@class Report
---@field outcome Outcome The outcome that the report is about.
---@field chosen Chosen The settings in force.
---@field page_sizes integer[] The other sizes that pages may have, the largest first.
---@field rows ReportRow[] The executable mappings in question, in order of address.
---@field totals ReportTotals? The sums; nil: the report is not finished.
---@field finish fun(self: Report): boolean?, string? Completes, shows and writes it.

-- ---- --inspect ----------------------------------------------------------------------------------

---@alias Origin SourceName | "small"

--- How many pages of one size and origin there are.
---@class OriginCount: PageCount
---@field from Origin Where the pages come from.

--- One executable mapping of a surveyed process (inspect/texts.lua).
---@class SurveyRow: Range
---@field object string The path of the file whose text it is, or "".
---@field path string The path that /proc/PID/maps has.
---@field size integer The size of the mapping.
---@field rss integer The bytes that the process has pages of.
---@field perms string The protection in letters, such as "r-xp".
---@field huge_bytes integer The bytes on huge pages.
---@field from Origin Where the huge pages come from; "small": there are none.
---@field pages OriginCount[] The pages by size, the largest first.
---@field refuses boolean Whether the mapping refuses huge pages (MADV_NOHUGEPAGE).
---@field why string[] The reasons why it is not all huge.
---@field advice string? What would make it huge.

--- The place of one huge page in a picture.
---@class Slot
---@field letter string What maps the text here: F, S, T, H, "." or "_"; " ": there is no text.
---@field first integer Where the text begins, in bytes from the start of the huge page.
---@field last integer Where the text ends, in bytes from the start of the huge page.

--- The texts of an object that lie near one another, huge page by huge page (inspect/pictures.lua).
---@class Picture
---@field object string The path of the object.
---@field start integer The address of the first slot, a multiple of the huge page.
---@field slots Slot[] The places of huge pages, in order of address.
---@field texts SurveyRow[] The texts, in order of address.

--- The sums of a survey's rows.
---@class SurveyTotals
---@field bytes integer The bytes of text.
---@field huge_bytes integer The bytes of text on huge pages.
---@field huge_pages integer The number of huge pages.
---@field small_pages integer The number of base pages, whether they were read or not.

--- What text a process has, and why it is not huge (inspect/survey.lua).
---@class Survey
---@field observed Observed The process.
---@field name string The name by which the process is called.
---@field description Description The process as a strategy sees it.
---@field host Host The host, described for the pages in question.
---@field strategy string The strategy that the reasons are given for.
---@field sources SourceName[] The sources that the reasons are given for.
---@field profile string? The file whose profile was taken.
---@field align boolean? Whether a start may move the executable to a congruent base.
---@field operations Operation[] The plan of a start.
---@field refused Refused[] What was refused of that plan.
---@field second_plan fun(): Operation[] Gives the second plan of a start, for smaller pages.
---@field page_sizes integer[] The other sizes that pages may have, the largest first.
---@field rows SurveyRow[] The executable mappings, in order of address.
---@field pictures Picture[] The pictures of large or huge texts, in order of address.
---@field totals SurveyTotals The sums.

-- ---- --check ------------------------------------------------------------------------------------

--- Whether something works, found out by doing it (check/trials.lua).
---@class Trial
---@field ok boolean Whether it works.
---@field why string? Why it does not.
---@field errno integer? The kernel's error, for hardware counters alone.

--- A limit of a control group (check/facts.lua).
---@class Limit
---@field bytes integer The limit.
---@field file string The file that sets it.
---@field left integer? Of a memory limit: the bytes that a copy may still take.

--- The pages that a NUMA node has in a hugetlb pool (check/facts.lua).
---@class NodePool
---@field node integer The number of the node.
---@field total integer The node's pages.
---@field free integer The node's pages that nobody has.

--- What --check knows of a program, or of the folder where programs are (check/gathering.lua).
---@class ProgramFacts
---@field path string? The path; nil: the program was not found.
---@field real string? The path without symbolic links.
---@field filesystem Filesystem? The filesystem that the file lies on.
---@field privilege string? What would be lost under a tracer, such as "setuid".
---@field may_trace boolean? Whether this user may trace such a program, for it to lose nothing.
---@field text integer? The bytes of text.
---@field cached boolean? Whether the text is huge in the page cache now; nil: not known.
---@field wrong string? Why nothing can be done for the program.

--- The pages smaller than the PMD's that the CPU's TLB may hold as one entry (check/gathering.lua).
---@class SmallerPages
---@field huge_page_size integer The size of these pages.
---@field thp string The mode in force of transparent huge pages of the size; "": there are none.
---@field thp_switch string The file that sets that mode.
---@field pool Pool The hugetlb pool of these pages.
---@field copies table<SourceName, Trial> Which sources have such pages.

--- The settings that a start would have (check/gathering.lua).
---@class CheckedSettings
---@field strategy string? The strategy's name.
---@field sources SourceName[]? The sources in force.
---@field profile string? The file whose profile was taken.
---@field page_size integer? The size of the pages that are asked for.
---@field wrong string? Why no start would do anything.

--- Facts of the host that a strategy does not need (check/facts.lua).
---@class HostFacts
---@field host Host The host, described for the pages in question.
---@field thp_switch string The file that sets the mode of transparent huge pages.
---@field nodes NodePool[] The hugetlb pool by NUMA nodes, in their order.
---@field container string? The name of the container, or of what runs it.
---@field pid_namespace boolean? Whether it is another than the host's; nil: not known.
---@field memory Limit? The strictest limit on memory.
---@field hugetlb Limit? The strictest limit on hugetlb memory of the pages in question.

--- Where the source `shared` would put its copies (check/gathering.lua).
---@class CopiesFolder
---@field path string? The folder.
---@field wrong string? Why the copies cannot be put there.

--- All that --check judges by (check/gathering.lua).
---@class Facts: HostFacts
---@field command ProgramFacts? The program that was asked about.
---@field programs ProgramFacts The folder that stands for programs where none was asked about.
---@field settings CheckedSettings The settings that a start would have.
---@field smaller SmallerPages? The smaller pages; nil: there are none, or a size was asked for.
---@field copies table<SourceName, Trial> Whether the sources that copy have huge pages.
---@field copies_folder CopiesFolder Where `shared` would put its copies.
---@field ptrace Trial Whether this user may trace.
---@field counter Trial Whether this user may read hardware counters.
---@field is_first boolean Whether tiexec is process 1.

--- One fact in words (check/readiness.lua).
---@class FactLine
---@field name string The name of the fact.
---@field text string The fact.
---@field good boolean? Whether it is as it should be; nil: it is neither good nor bad.
---@field todo string? What would change it, such as a command.

--- What --check says of a source (check/readiness.lua).
---@class SourceVerdict
---@field name SourceName The name of the source.
---@field works boolean? Whether the source works; nil: not known.
---@field why string? Why it does not, or why that is not known.
---@field asked boolean Whether a start would try it.

--- What the facts mean (check/readiness.lua).
---@class Judgement
---@field lines FactLine[] The facts, in the order in which they are shown.
---@field sources SourceVerdict[] The sources, those that a start would try first.
---@field ready boolean Whether a start would have huge pages.

--- The times of a number of places, in nanoseconds for each load, round by round (check/probe.lua).
---@class ProbeSample
---@field pages integer The number of places.
---@field small number[] The times where each place is in a small page of its own.
---@field huge number[] The times where the places are as far apart, in huge pages.
---@field packed number[] The times where the places are side by side.

--- A median with bounds.
---@class Bounds
---@field median number The median.
---@field low number The bound below.
---@field high number The bound above.

--- What the times of one number of places come to (check/probe.lua).
---@class ProbeCase
---@field pages integer The number of places.
---@field small Bounds The times in small pages, in nanoseconds.
---@field huge Bounds The times in huge pages, in nanoseconds.
---@field packed Bounds The times side by side, in nanoseconds.
---@field saved Bounds? What huge pages save of the cost of TLB misses, 0 to 1; nil: no cost.

--- Whether huge pages give TLB reach (check/probe.lua).
---@class ProbeVerdict
---@field verdict "full" | "part" | "little" | "unsure" | "unknown" The verdict in a word.
---@field text string The verdict in a sentence.
---@field cases ProbeCase[] The numbers of places, the smallest first.
---@field slowdown number How much slower places all over a huge page are than packed ones.
---@field splintered boolean Whether one TLB entry does not serve a huge page.

-- ---- comparing ----------------------------------------------------------------------------------

--- A set of options that `--compare` compares.
---@class OptionSet
---@field name string
---@field options string[] The options with which tiexec starts CMD.
---@field variables string[] "NAME=VALUE", for the environment.
---@field is_plain boolean? Whether CMD is started without tiexec.
---@field coverage string? How much text was huge in the warm-up run.

--- A run that was measured, as `core.measure` gives it: of CMD and all processes that it starts.
---@class MeasuredRun
---@field wall number
---@field user number
---@field system number
---@field faults integer
---@field switches integer
---@field peak integer The most resident memory of one process, without hugetlb pages.
---@field counters table<string, table> Of each counter `count` and `share`, the part of the time.
---@field counters_errno integer 0, or why there are no counters.
---@field status integer The exit status, as a shell has it.
---@field interrupted boolean
---@field is_left boolean Whether processes run on after CMD's end.
---@field output string A digest of standard output.
---@field output_size integer
---@field error string How standard error begins.
---@field place integer The place in the order of its round.

--- What paired measurements show. The interval holds the median of ever more pairs with a
--- probability of 95 %.
---@class Comparison
---@field pairs integer
---@field before number The median of the baseline.
---@field after number The median of what is compared with it.
---@field ratio number The median of the ratios.
---@field low number? Where the interval begins; nil: there are too few pairs.
---@field high number?
---@field verdict "less"|"same"|"more"|"unknown"
---@field ratios number[] In the order in which they were measured.

--- A quantity, compared.
---@class QuantityResult
---@field quantity table One of analysis.quantities.
---@field medians table<string, number> By the names of the ways.
---@field values table<string, number[]> Likewise.
---@field against table<string, table<string, Comparison>> By baselines, and then by ways.

--- What `--compare` has found.
---@class CompareResult
---@field ways table[] Ways of starting CMD, the baselines first: `name`, `task`, `coverage`.
---@field baselines string[] Their names.
---@field pairs integer The number of rounds.
---@field seconds number
---@field rounds table[] Each has MeasuredRuns by the names of the ways.
---@field quantities QuantityResult[]
---@field copies Copies?
---@field interrupted boolean
---@field notes string[] What is to be borne in mind.
---@field wrong string[] Where CMD has done something else with tiexec.

--- Where the samples of an executable lie: what `--record` writes.
---@class Recording
---@field executable string Its path.
---@field build_id string?
---@field event string What was counted: "cycles" or "cpu-clock".
---@field frequency integer Samples in a second; 0: it is not known.
---@field samples integer Those of all objects.
---@field lost integer Those that the kernel had no room for, of all executables.
---@field objects RecordedObject[] That with the most samples first.

--- Where the samples in one object lie.
---@class RecordedObject
---@field path string Of the file; "//anon" and their like for other memory.
---@field build_id string?
---@field samples integer
---@field pages table<integer, integer> Samples by numbers of pages of 4 KiB of the file.
---@field symbols table[]? `name` and `samples` of the hottest.

--- What a recording shows.
---@class RecordingSummary
---@field huge integer The size of a huge page.
---@field pages table[] Huge pages of files, the hottest first: `object`, `offset`, `samples`.
---@field needed table[] For each `share`: how many pages hold it, `small` and `huge`.
---@field in_files integer The samples in files.

--- Copies of files, for runs as if these had never been huge.
---@class Copies
---@field scratch userdata The folder, to be closed.
---@field stand_ins table<string, string> The copies by the paths of the files.
---@field count integer
---@field bytes integer
---@field folder string
