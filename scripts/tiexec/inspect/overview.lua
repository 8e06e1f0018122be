-- SPDX-License-Identifier: Apache-2.0
--- Several processes at a glance: how much text of files each has, and how much of that is huge.

local columns = require "tiexec.show.columns"
local core = require "tiexec.core"
local json = require "tiexec.show.json"
local observed = require "tiexec.harness.observed"
local text = require "tiexec.base.text"
local texts = require "tiexec.inspect.texts"

local overview = {}

-- Whether a row is text of a file, or a copy of such: not memory for which code is generated, and
-- not the kernel's.
local function is_of_file(row) return row.object ~= "" and not row.path:find("^%[") end

-- Sums up the text of one process. nil: it cannot be told, or it has none.
local function sums_of(pid, host)
    local process = observed.open(pid)
    local mappings = process and process:mappings(true)
    if not mappings then return nil end
    local sums = { pid = pid, name = process.name, executable = process.executable, bytes = 0,
        huge_bytes = 0, resident = 0, generated = 0 }
    local as_surveyed = { observed = process, host = host, page_sizes = {} }
    for _, row in ipairs(texts.of(as_surveyed, mappings)) do
        if is_of_file(row) then
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
    local lines = { { "pid", "name", "text", "huge", "of text", "of what was read", "generated" } }
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

--- Writes a line for each process to standard output, or all as JSON.
-- @tparam table pids list of process ids
-- @tparam Settings options with `json`
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it could not be written
function overview.show(pids, options)
    local list = overview.gather(pids)
    if options.json then
        return json.write(io.stdout, { processes = json.array(list) })
    end
    return show(list, #pids - #list)
end

return overview
