-- SPDX-License-Identifier: Apache-2.0
--- Processes at a glance: how much text of files each has, and how much of that is huge.

local columns = require "tiexec.show.columns"
local core = require "tiexec.core"
local json = require "tiexec.show.json"
local message = require "tiexec.base.message"
local observed = require "tiexec.harness.observed"
local prometheus = require "tiexec.inspect.prometheus"
local requirement = require "tiexec.show.requirement"
local text = require "tiexec.base.text"
local texts = require "tiexec.inspect.texts"

local overview = {}

-- Sums up the text of one process. nil: it cannot be told, or it has none.
local function sums_of(pid, host)
    local process = observed.open(pid)
    local mappings = process and process:mappings(true)
    if not mappings then return nil end
    local sums = { pid = pid, name = process.name, executable = process.executable, bytes = 0,
        huge_bytes = 0, resident = 0, generated = 0 }
    local as_surveyed = { observed = process, host = host, page_sizes = {} }
    for _, row in ipairs(texts.of(as_surveyed, mappings)) do
        if texts.is_of_file(row) then
            sums.bytes, sums.resident = sums.bytes + row.size, sums.resident + row.rss
            sums.huge_bytes = sums.huge_bytes + row.huge_bytes
        elseif row.object == "" then
            sums.generated = sums.generated + row.rss
        end
    end
    return sums.bytes > 0 and sums or nil
end

local function share(part, whole)
    return whole > 0 and ("%.1f %%"):format(100 * math.min(part, whole) / whole) or "-"
end

--- Gives what is told of a process, for a table.
-- @tparam ProcessSums sums
-- @treturn table list of strings: its id, its name, and figures
function overview.cells(sums)
    return { tostring(sums.pid), sums.name, text.size(sums.bytes), text.size(sums.huge_bytes),
        share(sums.huge_bytes, sums.bytes), share(sums.huge_bytes, sums.resident),
        text.size(sums.generated) }
end

-- Those with the most text on small pages, of what they have read, come first.
local function comes_first(a, b)
    local small_a, small_b = a.resident - a.huge_bytes, b.resident - b.huge_bytes
    if small_a ~= small_b then return small_a > small_b end
    return a.pid < b.pid
end

local function show(list, left_out)
    local lines = { { "pid", "name", "text", "huge", "of text", "of read", "generated" } }
    for i, sums in ipairs(list) do lines[i + 1] = overview.cells(sums) end
    local rest = left_out > 0 and ("  and %d that cannot be told of, or have no text\n")
        :format(left_out) or ""
    local right = { true, nil, true, true, true, true, true }
    local ok, why = io.stdout:write(columns.align(lines, right), rest)
    if ok then ok, why = io.stdout:flush() end
    return ok, why
end

--- Sums up the text of processes.
-- @tparam table pids list of process ids
-- @treturn table list of ProcessSums: those with the most text on small pages first; without
-- processes that cannot be told of, or have no text
function overview.gather(pids)
    local list, host = {}, core.host()
    for _, pid in ipairs(pids) do list[#list + 1] = sums_of(pid, host) end
    table.sort(list, comes_first)
    return list
end

-- Says how many processes have less huge text than is required, or cannot be told of. Gives whether
-- there are none.
local function judge(list, left_out, percent)
    local few = 0
    for _, sums in ipairs(list) do
        if requirement.unmet(sums.bytes, sums.huge_bytes, percent) then few = few + 1 end
    end
    if few == 0 and left_out == 0 then return true end
    message.say("--require %g %%: %d of %s have less%s", percent, few,
        text.count(#list, "process", "processes"),
        left_out > 0 and (", and %d cannot be told of"):format(left_out) or "")
    return false
end

local function write(list, left_out, options)
    if options.json then
        return json.write(io.stdout, { processes = json.array(list) })
    elseif options.format == "prometheus" then
        return prometheus.write(io.stdout, list)
    end
    return show(list, left_out)
end

--- Writes a line for each process to standard output, or all as JSON or for Prometheus.
-- @tparam table pids list of process ids
-- @tparam Settings options with `json`, `format` and `require`
-- @treturn[1] boolean whether they have as much huge text as is required
-- @treturn[2] nil, string why it could not be written
function overview.show(pids, options)
    local list = overview.gather(pids)
    local left_out = #pids - #list
    local ok, why = write(list, left_out, options)
    if not ok or not options.require then return ok, why end
    return judge(list, options.is_sweep and 0 or left_out, options.require)
end

return overview
