-- SPDX-License-Identifier: Apache-2.0
---@meta
-- Settings and plans.

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
---@field require number? The percentage of the text that must be huge.
---@field quiet boolean? Whether nothing is said of a program that runs all the same.
---@field verbose boolean? Whether the table of what was done is shown.
---@field ["perf-map"] boolean? Whether profilers are to find the functions of private copies.
---@field profile string? The file of the profile to be used.
---@field recording string? The file of the executable's recording.
---@field ["max-pages"] integer? How many huge pages a strategy such as hot may ask for.
---@field report string? The path of the file for the report.
---@field debug table<DebugWord, true>? The inner workings to be shown.
---@field service boolean|"sandboxed"? Whether --service is for it, with seccomp filters, too.
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
