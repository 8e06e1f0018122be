-- SPDX-License-Identifier: Apache-2.0
---@meta
-- What --check finds.

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
---@field later table? The libraries that it may load later (check/later.lua).
---@field may_gain boolean? Whether some text of it, or of a library that it needs, may be huge.
---@field starts_others boolean? Whether it may become, start or load something whose text may be.
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
---@field probe ProbeVerdict? What was measured, if it was.

--- One fact in words (check/readiness.lua).
---@class FactLine
---@field name string The name of the fact.
---@field code string What it is, for programs (base/codes.lua).
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
---@field kind "data" | "code" Whether the places were visited by loads or by jumps.
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
---@field kind "data" | "code" Whether the places were visited by loads or by jumps.
---@field pages integer The number of places.
---@field small Bounds The times in small pages, in nanoseconds.
---@field huge Bounds The times in huge pages, in nanoseconds.
---@field packed Bounds The times side by side, in nanoseconds.
---@field saved Bounds? What huge pages save of the cost of TLB misses, 0 to 1; nil: no cost.

--- Whether huge pages give TLB reach (check/probe.lua).
---@class ProbeVerdict
---@field verdict "full" | "part" | "little" | "unsure" | "unknown" The verdict in a word.
---@field text string The verdict in a sentence.
---@field cases ProbeCase[] The numbers of places, the smallest first, code last.
---@field share Bounds? What huge pages save of the cost of fetching code; nil: not known.
---@field slowdown number How much slower places all over a huge page are than packed ones.
---@field splintered boolean Whether one TLB entry does not serve a huge page.
