-- SPDX-License-Identifier: Apache-2.0
--- Tells why a text is not all on huge pages, and what would put it there. The plan and the sources
-- of a start are asked for their reasons, and nothing is done.

local codes = require "tiexec.base.codes"
local congruent = require "tiexec.plan.congruent"
local core = require "tiexec.core"
local filesystem = require "tiexec.harness.filesystem"
local hosts = require "tiexec.harness.hosts"
local images = require "tiexec.harness.images"
local leftover = require "tiexec.show.leftover"
local ranges = require "tiexec.base.ranges"
local sources = require "tiexec.sources"
local targets = require "tiexec.harness.targets"
local text = require "tiexec.base.text"
local texts = require "tiexec.inspect.texts"

local reasons = {}

-- Whether a start with tiexec would move the executable to a congruent base.
local function moves_executable(survey)
    local object = survey.description.executable
    if survey.align == false or survey.is_treated or not object then return false end
    local image = images.of(("/proc/%d/exe"):format(survey.description.pid))
    return image ~= nil and congruent.distance(image, object.bias, survey.host) ~= nil
end

-- Whether it would move the object of a text.
local function would_be_moved(survey, row)
    local object = survey.description.executable
    return survey.action == "start" and object.path == row.path
end

-- Completes what the source `file` has said of a row: its part, or why there is none. The source
-- knows nothing of the filesystem, nor of a move at the start. Gives the part, and a condition in
-- words if there is one; or nil, and why there is no part.
local function judge_file(survey, row, part, why)
    local its = filesystem.of("", row.path, survey.host)
    if its and its.large_folios == false then return nil, its.why end
    local condition
    if not its or its.large_folios == nil then
        condition = (", if %s has large folios"):format(its and its.type or "its filesystem")
    end
    if part then return part, condition end
    if would_be_moved(survey, row) then return row, condition end
    return nil, why
end

-- Asks a source for its part of the operation that a row would be part of. Gives what `judge_file`
-- gives. An object is moved for the sake of PMD-sized pages alone.
local function ask(name, survey, row, job)
    local part, why = sources.fit(sources.get(name), job.target, job.operation, job.host)
    if job.host.huge_page_size ~= job.host.pmd_size then return part, why end
    if name == "file" then return judge_file(survey, row, part, why) end
    local may_share = name == "shared" and job.host.shmem_thp ~= "deny"
    if not part and may_share and would_be_moved(survey, row) then return row end
    return part, why
end

-- Says how many huge pages a part has. One that will yet be moved has one at least.
local function pages_text(part, host)
    local number = math.max((part.stop - part.start) // host.huge_page_size, 1)
    return text.pages { { count = number, size = host.huge_page_size } }
end

-- Says what to do: a format for the pages, their source and a condition. A library may have been
-- loaded after tiexec has started the process.
local function how_to(survey, row)
    if survey.action == "start" then return "start it with tiexec: %s by %s%s" end
    local executable = survey.description.executable
    local later = survey.is_treated and executable and executable.path ~= row.path
        and "; if it was loaded later, --follow=auto does it" or ""
    return ("tiexec --attach %d: %%s by %%s%%s%s"):format(survey.observed:pid(), later)
end

-- Asks the sources in their order, until one can serve, and gives the advice to use that source;
-- nil: no source can serve. What stands in the way of the sources before is added to the list
-- `why`.
local function advise(survey, row, operation, why)
    local job = { operation = operation, target = targets.of(survey.observed),
        host = hosts.for_operation(operation, survey.host) }
    for _, name in ipairs(operation.sources or survey.sources) do
        local part, words = ask(name, survey, row, job)
        if part then
            if #why == 0 then why[1] = codes.words("not-asked") end
            return how_to(survey, row):format(pages_text(part, job.host), name, words or "")
        end
        why[#why + 1] = ("%s: %s"):format(name, words)
    end
end

-- Gives the remap operation that has most of a row, or nil.
local function remap_of(operations, row)
    local best, most = nil, 0
    for _, operation in ipairs(operations) do
        local size = ranges.common_size(operation, row)
        if operation.op == "remap" and size > most then best, most = operation, size end
    end
    return best
end

-- Whether a row is huge but for its ends.
local function is_huge_within(survey, row)
    return row.huge_bytes > 0 and row.size - row.huge_bytes < 2 * survey.host.huge_page_size
end

-- Gives the reasons that lie in the process itself.
local function own_reasons(survey, row)
    local why = {}
    if survey.observed.thp_disabled then
        why[1] = codes.words("disabled")
    end
    if row.refuses then why[#why + 1] = codes.words("refuses") end
    return why
end

-- Whether an executable lies at a congruent base. The kernel puts it there once in 512 times.
local function was_moved(survey)
    local object = survey.description.executable
    local image = object and images.of(("/proc/%d/exe"):format(survey.description.pid))
    local main = image and image.type == core.constants.ET_DYN and congruent.main_text(image)
    return main and main.filesz >= survey.host.huge_page_size
        and congruent.distance(image, object.bias, survey.host) == nil
end

--- Tells whether tiexec has started a process, or attached to it, as far as that shows: by text
-- that is huge, or asks to be, or by a place that the kernel would hardly choose.
-- @tparam Survey survey with rows
-- @treturn boolean
function reasons.is_treated(survey)
    if survey.host.huge_page_size == 0 then return false end
    for _, row in ipairs(survey.rows) do
        local is_copy = row.from == "thp" or row.from == "shared" or row.from == "hugetlb"
        if texts.is_of_file(row) and (is_copy or row.advised) then return true end
    end
    return was_moved(survey) or false
end

--- Tells what would do more for a process: a start with tiexec, if that would move its executable;
-- else to attach to it, which needs no other start.
-- @tparam Survey survey with `is_treated`
-- @treturn string "start" or "attach"
function reasons.action(survey) return moves_executable(survey) and "start" or "attach" end

--- Tells why a text is not all on huge pages, and what would put it there.
-- @tparam Survey survey with the plan of a start
-- @tparam SurveyRow row the text
-- @treturn table list of reasons, which are strings; it is empty if all of the text is huge
-- @treturn ?string advice; nil: nothing is known to help
function reasons.of(survey, row)
    if row.huge_bytes == row.size then return {} end
    local why, operation = own_reasons(survey, row), remap_of(survey.operations, row)
    if operation and is_huge_within(survey, row) then
        why[1] = operation.note or codes.words("ends")
        return why
    end
    local advice = operation and advise(survey, row, operation, why)
    if advice then return why, advice end
    if not operation then
        local kept = leftover.reasons(survey, row)
        table.move(kept, 1, #kept, #why + 1, why)
        if #why == 0 then why[1] = codes.words("not-named") end
    end
    local smaller = remap_of(survey.second_plan(), row)
    return why, smaller and advise(survey, row, smaller, why) or nil
end

--- The reasons of a row, and the advice, as one line.
-- @tparam SurveyRow row
-- @treturn string maybe ""
function reasons.text(row)
    local words = table.move(row.why, 1, #row.why, 1, {})
    words[#words + 1] = row.advice
    return table.concat(words, "; ")
end

return reasons
