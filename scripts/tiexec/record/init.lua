-- SPDX-License-Identifier: Apache-2.0
--- `--record` finds out which code of a program is hot: it takes samples of the program counters of
-- all its threads and processes, and writes them into a recording for each executable.

local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local message = require "tiexec.base.message"
local recording = require "tiexec.record.recording"
local recordings = require "tiexec.plan.recordings"
local resolving = require "tiexec.record.resolving"

local c = core.constants
local record = {}

local FREQUENCY <const> = 1000
local HUGE <const> = 2 << 20 -- what a picture shows where the kernel has no huge pages
local STANDARD_OUTPUT <const>, STANDARD_ERROR <const> = 1, 2

local function huge_page_size()
    local size = core.huge_page_size()
    return size > 0 and size or HUGE
end

-- Why there can be no samples, in words, with what helps.
local function refusal(why, errno)
    local level = tonumber(core.read_file("/proc/sys/kernel/perf_event_paranoid") or "")
    if (errno == c.EACCES or errno == c.EPERM) and level and level > 2 then
        return ("kernel.perf_event_paranoid is %d, which leaves samples to root"
            .. " (as root: sysctl kernel.perf_event_paranoid=2)"):format(level)
    end
    return why
end

-- ---- files --------------------------------------------------------------------------------------

local function is_folder(path)
    local stat = path and core.stat(path)
    return stat and stat.mode & 0xf000 == 0x4000
end

-- Where a recording goes, and the folder that is to be there; nil and why there is no place.
local function path_of(one, output)
    local folder = is_folder(output) and output or recordings.folder()
    if output and folder ~= output then return output end
    if not one.build_id then
        return nil, ("%s has no build-id to name a recording by (-o FILE names one)"):format(
            one.executable)
    end
    return folder .. "/" .. recordings.name(one.build_id), folder
end

local function write_file(path, words)
    local file, why = core.create_file(path, true)
    if not file then return nil, why end
    local ok
    ok, why = file:write(words)
    local closed, close_why = file:close()
    if ok and closed then return true end
    return nil, ("%s: %s"):format(path, why or close_why)
end

-- Writes a recording, and says where. Returns whether it could be written.
local function write(one, output)
    local path, folder = path_of(one, output)
    local ok, why = path ~= nil, folder
    if ok and folder then core.make_folders(folder) end
    if ok then ok, why = write_file(path, recording.text(one)) end
    if ok then
        message.say("%s: %d samples: %s", one.executable, one.samples, path)
    else
        message.say("--record: %s", why)
    end
    return ok
end

-- Writes the recordings. A file that is named has room for one. Returns whether all that are to be
-- written could be.
local function write_all(list, output)
    local ok, is_file = true, output and not is_folder(output)
    for i, one in ipairs(list) do
        if i == 1 or not is_file then ok = write(one, output) and ok end
    end
    if is_file and #list > 1 then
        message.say("%d other executables have samples, too: -o FOLDER keeps those", #list - 1)
    end
    return ok
end

-- ---- taking samples -----------------------------------------------------------------------------

-- Takes in what a process has mapped before it is sampled.
local function add_mappings(resolver, pid)
    for _, mapping in ipairs(core.mappings(pid) or {}) do
        if mapping.perms:find("x", 1, true) then
            resolver:map(pid, { start = mapping.start, stop = mapping.stop,
                offset = mapping.offset, path = mapping.path ~= "" and mapping.path or "//anon" })
        end
    end
    resolver:process(pid).executable = core.readlink(("/proc/%d/exe"):format(pid))
end

-- Waits until the samples are taken. Returns nil and why there are none.
local function collect(samples, seconds)
    local news, why = samples:wait(seconds and seconds * 1000 // 1)
    if not news then return nil, why end
    return samples:finish()
end

-- Makes recordings of samples, writes them and shows the first. Returns the exit status.
local function finish(samples, count, resolver, options)
    resolver:read(samples, count)
    local list = recording.make(resolver, { event = samples:event(), frequency = FREQUENCY })
    if #list == 0 then
        message.say("--record: not one sample was taken: the program hardly ran")
        return exit.FAILED
    end
    local ok = write_all(list, options.output)
    local shown, why = record.show_one(list[1], options, io.stderr, STANDARD_ERROR)
    if not shown then message.say("--record: %s", why) end
    return ok and shown and 0 or exit.FAILED
end

--- Shows a recording: as a picture if the options name one, or as JSON, or as tables.
-- @tparam Recording one
-- @tparam table options `svg`, `json`
-- @tparam file out where tables are written to
-- @int fd its descriptor
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it could not be shown
function record.show_one(one, options, out, fd)
    if options.svg then
        return require "tiexec.record.svg".write(one, huge_page_size(), options.svg)
    elseif options.json then
        return require "tiexec.show.json".write(io.stdout, recording.plain(one))
    end
    return require "tiexec.record.table".show(one, huge_page_size(), out, fd)
end

-- Starts CMD. Returns nil and the exit status if it cannot be started, or not be sampled.
local function start(argv)
    local path, why, errno = core.find(argv[1])
    local samples, is_sampling
    if path then samples, why, errno, is_sampling = core.sample_program(path, argv, FREQUENCY) end
    if samples then return samples end
    if is_sampling then
        message.say("--record: %s", refusal(why, errno))
        return nil, exit.FAILED
    end
    message.say("%s", why)
    return nil, errno == c.ENOENT and exit.NOT_FOUND or exit.CANNOT_EXECUTE
end

--- Runs `--record CMD`.
-- @tparam table argv CMD and its arguments
-- @tparam table options `seconds`, for how long at the most; `output`, a file or folder; `svg`,
-- `json`
-- @treturn int CMD's exit status; 125 no samples could be taken, 126 and 127 as base/exit.lua has
-- them
function record.run(argv, options)
    core.open_late(core)
    local samples <close>, failed = start(argv)
    if not samples then return failed end
    local count, why = collect(samples, options.seconds)
    local status = samples:status()
    if not count then
        message.say("--record: %s", why)
        return status
    end
    finish(samples, count, resolving.new(), options)
    return status
end

--- Runs `--record --attach PID`.
-- @int pid
-- @tparam table options as for record.run; without `seconds` until a signal comes or the process
-- ends
-- @treturn int exit status
function record.attach(pid, options)
    core.open_late(core)
    local samples <close>, why, errno = core.sample(pid, FREQUENCY)
    if not samples then
        message.say("--record: process %d: %s", pid, refusal(why, errno))
        return exit.FAILED
    end
    local resolver = resolving.new()
    add_mappings(resolver, pid)
    local count
    count, why = collect(samples, options.seconds)
    if count then return finish(samples, count, resolver, options) end
    message.say("--record: %s", why)
    return exit.FAILED
end

-- Reads a recording, or what perf script or pprof has printed.
local function read(path)
    local words, why = core.read_file(path)
    if not words then return nil, why end
    if words:find("^%-%- Samples of ") or words:find("^%s*return%s*{") then
        return recordings.read(path)
    end
    local resolver
    local pprof = require "tiexec.record.pprof"
    local from = pprof.is_one(words) and pprof or require "tiexec.record.perf_script"
    resolver, why = from.read(words)
    if not resolver then return nil, ("%s: %s"):format(path, why) end
    local event = from == pprof and "pprof's" or "perf's"
    return recording.make(resolver, { event = event, frequency = 0 })[1]
end

--- Runs `--record --report FILE`: shows a recording, or what others have recorded.
-- @string path
-- @tparam table options `output`, a file into which the recording is written; `svg`, `json`
-- @treturn int exit status
function record.show(path, options)
    core.open_late(core)
    local one, why = read(path)
    local ok = one
    if one and options.output and not write_all({ one }, options.output) then
        return exit.FAILED
    end
    if one then ok, why = record.show_one(one, options, io.stdout, STANDARD_OUTPUT) end
    if ok then return 0 end
    message.say("--record: %s", why)
    return exit.FAILED
end

return record
