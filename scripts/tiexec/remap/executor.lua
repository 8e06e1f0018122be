-- SPDX-License-Identifier: Apache-2.0
--- Carries out a checked plan, range by range. Afterwards each part of a range is on huge pages
-- with the same bytes, or it is exactly as it was.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local message = require "tiexec.base.message"
local planner = require "tiexec.planner"
local properties = require "tiexec.harness.properties"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local seccomp = require "tiexec.harness.seccomp"
local sources = require "tiexec.sources"
local targets = require "tiexec.harness.targets"
local text = require "tiexec.base.text"
local whole = require "tiexec.sources.whole"

local c = core.constants
local executor = {}

local TRIAL_MS <const> = 2000

-- Takes the steps of a source in a forked copy of this process, on memory of that copy.
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

-- Why seccomp forbids the steps of a source, or nil. If the process has the filters of this one,
-- the steps are tried out here.
local function forbidden_by_seccomp(inferior, source, host)
    local refused = seccomp.refusal(inferior)
    if refused or not seccomp.has_ours(inferior) then return refused end
    local ok, why = rehearse(source, host)
    if ok then return nil end
    return codes.words("own-seccomp", why)
end

-- A function that tells why a source is forbidden in a process, or nil. It remembers the answer for
-- each source and size of pages. The answer does not count any more when a source that had no such
-- pages has some, because the steps could not be tried out before.
local function make_forbidden(inferior)
    local answers = {}
    return function(source, host)
        local has_some = source.offers and source.offers(host) or false
        local key = ("%s %d %s"):format(source.name, host.huge_page_size, has_some)
        if answers[key] == nil then
            answers[key] = forbidden_by_seccomp(inferior, source, host) or false
        end
        return answers[key] or nil
    end
end

-- Why an end of a range, whose middle is the file's, should stay on small pages; nil if it should
-- be copied.
local function reason_to_keep(state, rest)
    if state.options.copied_ends == false then return codes.words("no-copied-ends") end
    local bytes = 0
    for _, m in ipairs(state.target.mappings() or {}) do
        if protection.is_executable(m.perms) then bytes = bytes + ranges.common_size(m, rest) end
    end
    if bytes >= planner.least_text(state.host) then return nil end
    return codes.words("end-too-little", text.size(bytes))
end

local serve

-- Gives the rest of a range to the sources after number `index`, or keeps it. Source number `index`
-- has served another part of the range; `why` tells why it has left this one.
local function serve_rest(state, rest, index, tried, why)
    if rest.start >= rest.stop then return end
    local name, results = state.names[index], state.results
    local kept = sources.get(name).keeps_file and reason_to_keep(state, rest) or nil
    local tried_here = table.move(tried, 1, #tried, 1, {})
    tried_here[#tried_here + 1] = { source = name, why = why or codes.words("no-more") }
    if kept then
        results[#results + 1] = { start = rest.start, stop = rest.stop, tried = tried_here,
            kept = kept, seconds = 0 }
    else
        serve(state, rest, index + 1, tried_here)
    end
end

-- Ends the process if its text is not whole: it must not run wrong. `broken` says that a source
-- knows so already. Gives why, with what was done.
local function end_if_broken(state, range, why, broken)
    if not broken and whole.has_all(state.target, state.before, range) then return why end
    state.ended = true
    state.inferior:kill()
    why = codes.words("broken", why)
    message.say("process %d: %s", state.target.pid, why)
    return why
end

-- The mappings up to the last range with their properties, as they were before the first range was
-- served. Notes what text there was.
local function details_of(state)
    if state.details then return state.details end
    local why
    state.details, why = core.mappings(state.target.pid, true, true, state.limit)
    state.before = whole.text_of(state.details or {})
    return state.details, why
end

-- The properties of a part that the other memory must be given; or nil and a string.
local function properties_of(state, source, part, host)
    local list, kept = properties.of(state.target, part, host, state.details)
    for _, stretch in ipairs(list or {}) do
        if source.uses_pool and stretch.given.lo then
            return nil, codes.words("locked-hugetlb")
        end
    end
    return list, kept
end

-- Has a source serve a part of a range without other memory, so that the properties of what is
-- there need not be known. Returns the part; nil: that cannot be done.
local function serve_in_place(state, source, range, host)
    if not source.replace_in_place then return nil end
    local part = sources.fit(source, state.target, range, host)
    return part and source.replace_in_place(state.target, part, host) and part or nil
end

-- Has a source replace a part of a range. Returns the part, or nil and a string.
local function replace(state, source, range)
    -- The pools change as ranges are served.
    local host = source.uses_pool and hosts.describe(state.host.huge_page_size) or state.host
    local why = state.forbidden(source, host)
    if why then return nil, why end
    local part = serve_in_place(state, source, range, host)
    if part then return part end
    local ok
    local details, unknown = details_of(state)
    if not details then return nil, unknown end
    range = properties.without_gaps(range, details, host.huge_page_size)
    if not range then return nil, codes.words("locked-gaps") end
    part, why = sources.fit(source, state.target, range, host)
    if not part then return nil, why end
    local kept, broken
    kept, why = properties_of(state, source, part, host)
    if not kept then return nil, why end
    ok, why, broken = source.replace(state.target, part, host, state.options)
    local given, lost
    if ok then
        given, lost = properties.give(state.target, kept)
    else
        why = end_if_broken(state, part, why, broken)
        given, lost = properties.give_again(state.target, part, details)
    end
    if not given then message.say("process %d: %s", state.target.pid, lost) end
    return ok and part or nil, why
end

-- Gives a range to the first source that can serve it, beginning with number `first`. The source
-- may serve a part; what is left before and after the part goes to the sources after it. Appends
-- the results in order of address. `tried` lists the sources that have failed before, with the
-- reasons.
function serve(state, range, first, tried)
    local started, results = core.now(), state.results
    for i = first, #state.names do
        local name = state.names[i]
        local part, why = replace(state, sources.get(name), range)
        if part then
            local seconds = core.now() - started
            serve_rest(state, { start = range.start, stop = part.start }, i, tried,
                part.below and codes.words("not-this-end", part.below))
            results[#results + 1] = { start = part.start, stop = part.stop, source = name,
                tried = tried, page_size = state.host.huge_page_size, seconds = seconds }
            serve_rest(state, { start = part.stop, stop = range.stop }, i, tried,
                part.above and codes.words("not-this-end", part.above))
            return
        end
        tried[#tried + 1] = { source = name, why = why }
        if state.ended then break end
    end
    results[#results + 1] = { start = range.start, stop = range.stop, tried = tried,
        seconds = core.now() - started }
end

-- Completes the results of an operation, which begin with number `first`.
local function complete(results, first, operation)
    for i = first, #results do
        local result = results[i]
        result.object, result.note = operation.object, operation.note
        if operation.optional and not result.source then
            result.kept = result.kept or codes.words("no-smaller-pages")
        end
    end
end

--- Carries out the operations of a plan.
-- @tparam Inferior inferior with all threads stopped
-- @tparam table operations list of Operation, as `validate.check` has accepted them
-- @tparam table names list of sources in order of preference, for operations that name none
-- @tparam[opt] RunOptions options `trace`, a function called for each remote system call (see
-- `targets.of`); `mappings`, joined, if the caller has just read them; `warn`, one that takes a
-- line on a file that somebody should remove; `host`, a Host; `perf_map`, true if perf must find
-- the copies; and, as the strategy declares them (see docs/STRATEGIES.md), `recache` and
-- `copied_ends`
-- @treturn table list of Result
function executor.run(inferior, operations, names, options)
    options = options or {}
    local host = options.host or hosts.describe()
    local described = {} -- hosts by the size of their huge pages
    local target = targets.of(inferior, options.trace, options.mappings)
    local state = { target = target, options = options, results = {},
        forbidden = make_forbidden(inferior), inferior = inferior, limit = 0 }
    for _, operation in ipairs(operations) do
        local stop = operation.op == "remap" and operation.stop or 0
        state.limit = math.max(state.limit, stop)
    end
    for _, operation in ipairs(operations) do
        if operation.op == "remap" and not state.ended then
            local first, size = #state.results + 1, operation.page_size or host.huge_page_size
            described[size] = described[size] or hosts.for_operation(operation, host)
            state.names, state.host = operation.sources or names, described[size]
            serve(state, operation, 1, {})
            complete(state.results, first, operation)
        end
    end
    return state.results
end

return executor
