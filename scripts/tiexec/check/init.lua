-- SPDX-License-Identifier: Apache-2.0
--- `--check`: gathers the facts of this host, and shows what they come to.

local cache = require "tiexec.sources.cache"
local choice = require "tiexec.plan.choice"
local columns = require "tiexec.show.columns"
local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local facts = require "tiexec.check.facts"
local filesystem = require "tiexec.harness.filesystem"
local hosts = require "tiexec.harness.hosts"
local images = require "tiexec.harness.images"
local json = require "tiexec.show.json"
local kernel = require "tiexec.harness.kernel"
local message = require "tiexec.base.message"
local readiness = require "tiexec.check.readiness"
local terminal = require "tiexec.base.terminal"
local trials = require "tiexec.check.trials"
local version = require "tiexec.base.version"

local c = core.constants
local check = {}

-- ---- gathering -------------------------------------------------------------------------------------

local function text_of(image)
    local bytes = 0
    for segment in images.loads(image) do
        if images.is_text(segment) then bytes = bytes + segment.filesz end
    end
    return bytes
end

local function is_script(path)
    return core.read_file(path, 2) == "#!"
end

-- What there is to know of a program. `wrong`: why nothing can be done for it.
local function about(name, host)
    local path, why = core.find(name)
    if not path then return { wrong = why } end
    local real = core.realpath(path) or path
    local command = { path = path, real = real, filesystem = filesystem.of("", real, host),
        privilege = core.privilege_of(path), may_trace = host.capabilities >> c.CAP_SYS_PTRACE & 1 == 1 }
    local image
    image, why = core.image(path)
    if is_script(path) then
        command.wrong = path .. " is a script: ask for its interpreter"
    elseif not image then
        command.wrong = why
    elseif not image.native then
        command.wrong = path .. (image.class == c.ELFCLASS32 and " is a 32-bit program" or " is for another processor")
    else
        command.text = text_of(image)
        command.cached = trials.file(path, image, host)
    end
    return command
end

-- Where the source `shared` would put its copies.
local function copies_folder(host)
    local folders <close>, why = cache.folders(false)
    for _, folder in ipairs(folders) do
        if folder.own then return { path = folder.path } end
    end
    if why then return { wrong = why } end
    local path = os.getenv("TIEXEC_CACHE") or "/dev/shm"
    local its = filesystem.of("", path, host) or {}
    if its.noexec then
        return { wrong = ("%s is mounted noexec (mount -o remount,exec %s)"):format(its.point, its.point) }
    end
    if its.type ~= "tmpfs" and its.type ~= "hugetlbfs" then
        return { wrong = path .. " is not on tmpfs (set TIEXEC_CACHE to a folder that is)" }
    end
    return { path = path }
end

-- The settings that a start of the program would have.
local function settings_of(command, options)
    local path = command and command.real
    local chosen = choice.of_file(path and { path = path, file = path }, options)
    if chosen.wrong then return { wrong = chosen.wrong } end
    return { strategy = chosen.definition.name, sources = chosen.names,
        profile = path and chosen.profile or nil, page_size = chosen["page-size"] }
end

-- What a second plan would be for: the host with smaller pages, their switch, and whether the sources have some.
local function smaller_pages(host)
    local smaller = hosts.smaller(host)
    if not smaller then return nil end
    smaller.thp_switch, smaller.copies = kernel.thp_switch(smaller.huge_page_size), trials.copies(smaller)
    return smaller
end

--- Gathers what `readiness.judge` needs.
-- @tparam table options settings of the command line and the environment
-- @string[opt] name of a program
function check.gather(options, name)
    local command = name and about(name, hosts.describe()) or nil
    local chosen = settings_of(command, options)
    local host = hosts.describe(chosen.page_size)
    local found = facts.read("", host)
    found.command, found.settings = command, chosen
    found.smaller = not chosen.page_size and smaller_pages(host) or nil
    found.copies, found.ptrace = trials.copies(host), trials.ptrace()
    found.copies_folder = copies_folder(host)
    local ok, why, errno = core.probe_counter()
    found.counter = { ok = ok or false, why = why, errno = errno }
    found.is_first = core.getpid() == 1
    found.programs = { path = "/usr/bin", filesystem = filesystem.of("", "/usr/bin", host) }
    return found
end

-- ---- showing ---------------------------------------------------------------------------------------

local marks <const> = { [true] = { "green", "ok" }, [false] = { "yellow", "!" } }

local function show_facts(judged, paint)
    local lines = {}
    for i, line in ipairs(judged.lines) do
        local mark = marks[line.good] or { "faint", "" }
        lines[i] = { line.name, mark[2], line.text .. (line.todo and ": " .. line.todo or "") }
    end
    return columns.painted(lines, function(i, line)
        return judged.lines[i].good == false and paint("yellow", line) or line
    end)
end

local function show_sources(judged, paint)
    local lines, words = {}, { [true] = "works", [false] = "does not", unknown = "perhaps" }
    for i, source in ipairs(judged.sources) do
        local word = source.works == nil and words.unknown or words[source.works]
        lines[i] = { source.name, word, source.why or not source.asked and "not asked for by the settings" or "" }
    end
    return columns.painted(lines, function(i, line)
        local source = judged.sources[i]
        return paint(not source.asked and "faint" or source.works and "green" or "yellow", line)
    end)
end

local function bounds_text(bounds, form)
    return ((form .. " (" .. form .. "-" .. form .. ")"):format(bounds.median, bounds.low, bounds.high))
end

local function percent_text(part)
    return ("%d %% (%d-%d)"):format(part.median * 100 // 1, part.low * 100 // 1, part.high * 100 // 1)
end

local function show_probe(probe, paint)
    if probe.wrong then return "TLB reach of huge pages: not measured: " .. probe.wrong .. "\n" end
    local lines = { { "places", "in small pages", "in huge pages", "packed", "huge pages save" } }
    for _, case in ipairs(probe.cases) do
        local saved = case.saved
        lines[#lines + 1] = { ("%d"):format(case.pages), bounds_text(case.small, "%.1f"),
            bounds_text(case.huge, "%.1f"), bounds_text(case.packed, "%.1f"),
            saved and percent_text(saved) or "nothing to save" }
    end
    local text = { paint("bold", "TLB reach of huge pages, by data accesses, ns each: median (bounds)\n"),
        columns.align(lines, { true, true, true, true, true }), "  ", probe.text, "\n" }
    if probe.splintered then
        text[#text + 1] = ("  %d places all over one huge page are %.1f times slower than packed: one TLB entry does\n")
            :format(probe.cases[1].pages, probe.slowdown)
            .. "  not serve a huge page, as in a virtual machine whose memory is of small pages below\n"
    end
    return table.concat(text)
end

local function show(judged, probe, name)
    local paint = terminal.painter(1)
    local head = judged.ready and paint("green", "ready") or paint("red", "not ready")
    local text = { ("tiexec %s: this host is %s%s\n"):format(version, head, name and " for " .. name or ""),
        show_facts(judged, paint), paint("bold", "where huge pages would come from\n"), show_sources(judged, paint) }
    if probe then text[#text + 1] = show_probe(probe, paint) end
    local ok, why = io.stdout:write(table.concat(text))
    if ok then ok, why = io.stdout:flush() end
    return ok, why
end

-- ---- running ---------------------------------------------------------------------------------------

local function measure(host)
    if host.huge_page_size == 0 then return { wrong = "this kernel has no huge pages" } end
    local probe = require "tiexec.check.probe"
    local samples, why = probe.measure(host)
    return samples and probe.judge(samples) or { wrong = why }
end

-- The facts as JSON has them: a line each by its name.
local function plain(judged, probe, name)
    local lines, sources = {}, {}
    for _, line in ipairs(judged.lines) do
        lines[line.name] = { text = line.text, good = line.good, todo = line.todo }
    end
    for _, source in ipairs(judged.sources) do
        sources[source.name] = { works = source.works, why = source.why, asked = source.asked }
    end
    return { command = name, ready = judged.ready, facts = lines, sources = sources, probe = probe }
end

--- Runs `--check`.
-- @tparam table options settings of the command line and the environment, and `json`, `probe`
-- @string[opt] name of a program
-- @treturn int exit status: 0 ready, 1 not, 125 it could not be told
function check.run(options, name)
    local found = check.gather(options, name)
    local judged = readiness.judge(found)
    local probe = options.probe and measure(hosts.describe()) or nil
    local ok, why
    if options.json then
        ok, why = json.write(io.stdout, plain(judged, probe, name))
    else
        ok, why = show(judged, probe, name)
    end
    if ok then return judged.ready and 0 or exit.INCOMPLETE end
    message.say("--check: %s", why)
    return exit.FAILED
end

return check
