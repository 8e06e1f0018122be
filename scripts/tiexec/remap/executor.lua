-- SPDX-License-Identifier: Apache-2.0
--- Carries out a checked plan, range by range. Each range ends on huge pages with the same bytes, or
-- as it was; then the next source is tried.

local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local planner = require "tiexec.planner"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local seccomp = require "tiexec.harness.seccomp"
local sources = require "tiexec.sources"
local targets = require "tiexec.harness.targets"
local text = require "tiexec.base.text"

local c = core.constants
local executor = {}

local TRIAL_MS <const> = 2000

-- Runs the very steps of a source in a forked copy of this process, on memory of its own.
local function rehearse(source, host)
    return core.trial(function()
        local self = targets.of_self()
        if source.rehearse then return source.rehearse(self, host) end
        local size = host.huge_page_size
        local base = assert(self.call("mmap", 0, 2 * size, c.PROT_READ,
            c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0))
        local start = ranges.align_up(base, size)
        local part = sources.fit(source, self, { start = start, stop = start + size }, host)
        if part then source.replace(self, part, host, { recache = "never" }) end
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
local function reason_to_keep(run, stretch)
    if run.options.copied_ends == false then return "the strategy allows no copied ends" end
    local bytes = 0
    for _, m in ipairs(run.target.mappings() or {}) do
        if protection.is_executable(m.perms) then bytes = bytes + ranges.common_size(m, stretch) end
    end
    if bytes >= planner.least_text(run.host) then return nil end
    return ("%s of text there is not worth a copy"):format(text.size(bytes))
end

local serve

-- What source number `from` leaves of a range, a stretch at one end of it, goes to the sources after it, or stays.
local function pass_on(run, stretch, from, tried, why)
    if stretch.start >= stretch.stop then return end
    local name, results = run.names[from], run.results
    local kept = sources.get(name).keeps_file and reason_to_keep(run, stretch) or nil
    local left = table.move(tried, 1, #tried, 1, {})
    left[#left + 1] = { source = name, why = why or "it has no more" }
    if kept then
        results[#results + 1] = { start = stretch.start, stop = stretch.stop, tried = left, kept = kept, seconds = 0 }
    else
        serve(run, stretch, from + 1, left)
    end
end

-- Gives a range to the first source that can take it, from number `first` on, and what that source leaves of it,
-- before and after, to the sources after it. Appends to the results, in order of address.
function serve(run, range, first, tried)
    local started, results = core.now(), run.results
    for i = first, #run.names do
        local name = run.names[i]
        local source = sources.get(name)
        local host = source.uses_pool and hosts.describe(run.host.huge_page_size) or run.host -- anew: pools change
        local why, ok, part = run.forbidden(source, host), nil, nil
        if not why then part, why = sources.fit(source, run.target, range, host) end
        if part then ok, why = source.replace(run.target, part, host, run.options) end
        if ok then
            local seconds = core.now() - started
            pass_on(run, { start = range.start, stop = part.start }, i, tried, part.below and "below: " .. part.below)
            results[#results + 1] = { start = part.start, stop = part.stop, source = name, tried = tried,
                page_size = run.host.huge_page_size, seconds = seconds }
            pass_on(run, { start = part.stop, stop = range.stop }, i, tried, part.above and "above: " .. part.above)
            return
        end
        tried[#tried + 1] = { source = name, why = why }
    end
    results[#results + 1] = { start = range.start, stop = range.stop, tried = tried, seconds = core.now() - started }
end

--- Carries out the operations.
-- @param inferior stopped, all threads
-- @tparam table operations list of Operation, checked by `validate.check`
-- @tparam table names sources in order of preference, for operations that name none
-- @tparam[opt] table options `trace`, a function told of each remote system call; `recache`, see
-- sources/file.lua; `copied_ends`, see docs/STRATEGIES.md; `host`, a description; `perf_map`: perf is to find the
-- copies
-- @treturn table list of Result
function executor.run(inferior, operations, names, options)
    options = options or {}
    local verdicts = {}
    local host = options.host or hosts.describe()
    local run = { target = targets.of(inferior, options.trace), options = options, results = {} }
    -- Once for each source and size; once more when it has such pages, if it had none: nothing was tried then.
    function run.forbidden(source, its_host)
        local has_some = source.offers and source.offers(its_host) or false
        local key = ("%s %d %s"):format(source.name, its_host.huge_page_size, has_some)
        if verdicts[key] == nil then
            verdicts[key] = forbidden_by_seccomp(inferior:pid(), source, its_host) or false
        end
        return verdicts[key] or nil
    end
    local described = {} -- hosts by size of page
    local function host_for(operation)
        local size = operation.page_size or host.huge_page_size
        described[size] = described[size] or hosts.for_operation(operation, host)
        return described[size]
    end
    for _, operation in ipairs(operations) do
        if operation.op == "remap" then
            local from = #run.results + 1
            run.names, run.host = operation.sources or names, host_for(operation)
            serve(run, operation, 1, {})
            for i = from, #run.results do
                local result = run.results[i]
                result.object, result.note = operation.object, operation.note
                if operation.optional and not result.source then result.kept = result.kept or "no smaller pages" end
            end
        end
    end
    return run.results
end

return executor
