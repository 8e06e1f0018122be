-- SPDX-License-Identifier: Apache-2.0
---@meta
-- What --inspect finds.

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
---@field advised boolean Whether the mapping asks for huge pages (MADV_HUGEPAGE).
---@field refuses boolean Whether the mapping refuses huge pages (MADV_NOHUGEPAGE).
---@field why string[] The reasons why it is not all huge.
---@field advice string? What would make it huge.
---@field action ("start"|"attach")? What that is, for programs.

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
---@field bytes integer The bytes of text of files.
---@field resident integer The bytes of it that the process has pages of.
---@field generated integer The bytes of memory, as far as there are, for which code was generated.
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
---@field is_treated boolean Whether tiexec has started it, or attached to it, as far as that shows.
---@field action string What would do more for it: "start" it with tiexec, or "attach" to it.
---@field align boolean? Whether a start may move the executable to a congruent base.
---@field operations Operation[] The plan of a start.
---@field refused Refused[] What was refused of that plan.
---@field second_plan fun(): Operation[] Gives the second plan of a start, for smaller pages.
---@field page_sizes integer[] The other sizes that pages may have, the largest first.
---@field rows SurveyRow[] The executable mappings, in order of address.
---@field pictures Picture[] The pictures of large or huge texts, in order of address.
---@field totals SurveyTotals The sums.

--- The text of one process among several (inspect/overview.lua).
---@class ProcessSums
---@field pid integer
---@field name string
---@field executable string? The path of its program.
---@field bytes integer The bytes of text of files and copies of them.
---@field huge_bytes integer How many of them are on huge pages.
---@field resident integer How many of them the process has pages of.
---@field generated integer The bytes of memory for generated code, as far as they are there.
