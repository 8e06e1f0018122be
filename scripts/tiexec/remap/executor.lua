-- SPDX-License-Identifier: Apache-2.0
--- Carries out a checked plan, range by range. Each range ends on huge pages with the same bytes, or
-- as it was; then the next source is tried.

local core = require "tiexec.core"
local describe = require "tiexec.plan.describe"
local planner = require "tiexec.planner"
local process = require "tiexec.harness.target"
local seccomp = require "tiexec.harness.seccomp"
local sources = require "tiexec.sources"

local c = core.constants
local executor = {}

local TRIAL_MS <const> = 2000

-- Runs the very steps of a source in a forked copy of this process, on memory of its own.
local function rehearse(source, host)
    return core.trial(function()
        local self = process.of_self()
        if source.rehearse then return source.rehearse(self, host) end
        local size = host.huge_page_size
        local base = assert(self.call("mmap", 0, 2 * size, c.PROT_READ,
            c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0))
        local start = (base + size - 1) & -size
        local part = sources.fit(source, self, { start = start, stop = start + size }, host)
        if part then source.remap(self, part, host, { recache = "never" }) end
    end, TRIAL_MS)
end

local function forbidden_by_seccomp(pid, source, host)
    if (core.status(pid, "Seccomp") or 0) == 0 then return nil end
    local unknown = seccomp.is_unknown(pid)
    if unknown then return unknown end
    local ok, why = rehearse(source, host)
    if not ok then return ("its seccomp filter does not allow the system calls needed (%s)"):format(why) end
end

-- Why an end of a range, whose middle stays the file's, is not to be copied; nil: it is.
local function reason_to_keep(run, start, stop, host)
    if run.options.copied_ends == false then return "the strategy allows no copied ends" end
    local text = 0
    for _, m in ipairs(run.target.mappings() or {}) do
        local size = math.min(m.stop, stop) - math.max(m.start, start)
        if m.perms:sub(3, 3) == "x" and size > 0 then text = text + size end
    end
    if text >= planner.least_text(host) then return nil end
    return ("%s of text there is not worth a copy"):format(planner.size_text(text))
end

local remap

-- What a source leaves of a range goes to the sources after it, or stays.
local function pass_on(run, start, stop, from, tried, why, results)
    if start >= stop then return end
    local name, host = run.names[from], run.host
    local kept = sources.get(name).keeps_file and reason_to_keep(run, start, stop, host) or nil
    local left = table.move(tried, 1, #tried, 1, {})
    left[#left + 1] = { source = name, why = why or "it has no more" }
    if kept then
        results[#results + 1] = { start = start, stop = stop, tried = left, kept = kept, seconds = 0 }
    else
        remap(run, { start = start, stop = stop }, from + 1, left, results)
    end
end

-- Gives a range to the first source that can take it, and what that leaves of it, before and after,
-- to the sources after it. Appends to `results`, in order of address.
function remap(run, range, first, tried, results)
    local started = core.now()
    for i = first, #run.names do
        local name = run.names[i]
        local source = sources.get(name)
        local host = source.uses_pool and describe.host(run.host.huge_page_size) or run.host -- anew: pools change
        local why, ok, part = run.forbidden(source, host), nil, nil
        if not why then part, why = sources.fit(source, run.target, range, host) end
        if part then ok, why = source.remap(run.target, part, host, run.options) end
        if ok then
            local seconds = core.now() - started
            pass_on(run, range.start, part.start, i, tried, part.below and "below: " .. part.below, results)
            results[#results + 1] = { start = part.start, stop = part.stop, source = name, tried = tried,
                page_size = run.host.huge_page_size, seconds = seconds }
            pass_on(run, part.stop, range.stop, i, tried, part.above and "above: " .. part.above, results)
            return
        end
        tried[#tried + 1] = { source = name, why = why }
    end
    results[#results + 1] = { start = range.start, stop = range.stop, tried = tried, seconds = core.now() - started }
end

--- Carries out the operations.
-- @param inferior stopped, all threads
-- @tparam table operations checked by `plan.check`
-- @tparam table names sources in order of preference, for operations that name none
-- @tparam[opt] table options `trace`, a function told of each remote system call; `recache`, see
-- sources/file.lua; `copied_ends`, see docs/STRATEGIES.md; `host`, a description; `perf_map`: the copies are to
-- be found by perf
-- @treturn table results: `start`, `stop`, `page_size`, `object`, `note`, `source` (nil: left as it was), `tried`
-- (list of `{source, why}`), `kept` (why it was to be left as it was), `seconds`
function executor.run(inferior, operations, names, options)
    options = options or {}
    local verdicts, results = {}, {}
    local host = options.host or describe.host()
    local run = { target = process.of(inferior, options.trace), options = options }
    -- Once for each source and size; once more when it has such pages, if it had none: nothing was tried then.
    function run.forbidden(source, its_host)
        local has_some = source.offers and source.offers(its_host) or false
        local key = ("%s %d %s"):format(source.name, its_host.huge_page_size, has_some)
        if verdicts[key] == nil then
            verdicts[key] = forbidden_by_seccomp(inferior:pid(), source, its_host) or false
        end
        return verdicts[key] or nil
    end
    local hosts = {} -- by size of page
    local function host_for(operation)
        local size = operation.page_size or host.huge_page_size
        hosts[size] = hosts[size] or describe.host_for(operation, host)
        return hosts[size]
    end
    for _, operation in ipairs(operations) do
        if operation.op == "remap" then
            local from = #results + 1
            run.names, run.host = operation.sources or names, host_for(operation)
            remap(run, operation, 1, {}, results)
            for i = from, #results do
                local result = results[i]
                result.object, result.note = operation.object, operation.note
                if operation.optional and not result.source then result.kept = result.kept or "no smaller pages" end
            end
        end
    end
    return results
end

return executor
