-- SPDX-License-Identifier: Apache-2.0
--- The command line: parses it and starts what it asks for.

local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local message = require "tiexec.base.message"
local options = require "tiexec.help.options"
local settings = require "tiexec.plan.settings"

local cli = {}

-- Says what is wrong with the command line. Returns the exit status.
local function usage_error(why)
    message.say("%s; try 'tiexec --help'", why)
    return exit.FAILED
end

-- Has `require` look into the folder of a script, last, as lua5.4 looks into the current one.
local function add_folder_of(path)
    local folder = path:match("^(.*)/[^/]*$") or "."
    package.path = ("%s;%s/?.lua;%s/?/init.lua"):format(package.path, folder, folder)
    package.cpath = ("%s;%s/?.so"):format(package.cpath, folder)
end

-- Why a file can be no script, or nil. A pipe has somebody who writes to it; for a FIFO that has a
-- name there may be nobody, ever.
local function refuse_script(path)
    local FILE_TYPE <const>, FIFO <const>, PIPEFS <const> = 0xf000, 0x1000, 0x50495045
    local stat = core.stat(path)
    if not stat or stat.mode & FILE_TYPE ~= FIFO then return nil end
    if core.filesystem_type(path) == PIPEFS then return nil end
    return path .. ": it is a FIFO (cat it to --script /dev/stdin)"
end

-- What is said of an error of a script. For the signal that was to end it one line will do.
local function told_of(what)
    local signal = type(what) == "string" and what:match("interrupted by SIG%u+$")
    return signal or debug.traceback(what, 2)
end

-- Runs a script as lua5.4 does, with its command line in `arg` and the harness in `tiexec`. An
-- integer that the script returns is the exit status; as in lua5.4, an error gives 1.
local function run_script(path, arguments)
    _G.arg = table.move(arguments, 1, #arguments, 1, { [0] = path })
    _G.tiexec = require "tiexec"
    core.keep_blocks()
    add_folder_of(path)
    local chunk, why = nil, refuse_script(path)
    if not why then chunk, why = loadfile(path) end
    if not chunk then
        message.say("%s", why)
        return exit.FAILED
    end
    local ok, result = xpcall(chunk, told_of, table.unpack(arguments))
    if ok then return math.type(result) == "integer" and result or 0 end
    message.write(("tiexec: %s\n"):format(tostring(result)))
    return 1
end

-- Runs `--help` and `--help=TOPIC`.
local function run_help(topic)
    local help = require "tiexec.help"
    local page, why = help.screen(), nil
    if topic ~= true then page, why = help.topic(topic) end
    if not page then return usage_error(why) end
    io.stdout:write(page)
    return 0
end

local function run_cache(action)
    local cache = require "tiexec.sources.cache"
    if not cache.actions[action] then
        return usage_error("--cache: there are list, prune and clear")
    end
    return cache.run(action)
end

-- Completes the settings of the command line with those of the environment variable TIEXEC.
local function with_environment(given)
    -- The environment of a caller with fewer rights does not count.
    local set = not core.is_secure() and os.getenv("TIEXEC") or nil
    local environment, complaints = settings.from_environment(set)
    for _, complaint in ipairs(complaints) do message.say("%s", complaint) end
    -- Reports are opened before it is known which profile there is, and no profile has one.
    local merged = settings.merge(given, environment)
    merged.report = merged.report or settings.from_conf().report
    return merged
end

-- What is wrong with the combination of options, or nil.
local function misplaced(given)
    if given.json and not (given.inspect or given.check or given.compare or given.record
        or given.warm or given.top) then
        return "--json goes with --inspect, --top, --check, --warm, --compare or --record"
    end
    for _, name in ipairs { "metrics", "by-proc" } do
        if given[name] and not given.service then
            return ("--%s goes with --service"):format(name)
        end
    end
    if given.keep and not given.warm then return "--keep goes with --warm" end
    if given.remove and not given.unit then return "--remove goes with --unit" end
    if given.format and not given.inspect then return "--format goes with --inspect" end
    if given.process and not given.inspect then return "--process goes with --inspect" end
    if given.output and not given.record then return "--output goes with --record" end
    if given.seconds and not given.compare then return "--seconds goes with --compare" end
    for _, name in ipairs { "metric", "keep-best" } do
        if given[name] and not (given.compare and given.attach) then
            return ("--%s goes with --compare --attach"):format(name)
        end
    end
    if given.svg and not (given.inspect or given.record) then
        return "--svg goes with --inspect or --record"
    end
    if given.attach and given.undo then return "--attach and --undo exclude each other" end
    if given.probe and not given.check then return "--probe goes with --check" end
    for _, name in ipairs { "follow", "undo", "login", "dry-run" } do
        if given.gdb and given[name] then
            return ("--gdb and --%s exclude each other"):format(name)
        end
    end
end

-- Takes apart operands among which there may be further options, since no operand is a CMD that has
-- options of its own. Returns the settings and the operands; or nil and a string.
local function separate(given, operands)
    local words = {}
    while #operands > 0 do
        words[#words + 1] = operands[1]
        local more, rest = settings.from_arguments(operands, options)
        if not more then return nil, rest end
        given, operands = settings.merge(given, more), rest
    end
    return given, words
end

local function run_check(given, operands)
    local all, names = separate(given, operands)
    if not all then return usage_error(names) end
    if #names > 1 then return usage_error("--check: one program at most, without arguments") end
    return require "tiexec.check".run(with_environment(all), names[1])
end

local function run_profiles(given, operands)
    local all, names = separate(given, operands)
    if not all then return usage_error(names) end
    if #names > 1 then return usage_error("--profiles: one program at most, without arguments") end
    all.profiles = nil
    return require "tiexec.check.profiles".run(with_environment(all), names[1])
end

local function run_top(given, operands)
    local all, words = separate(given, operands)
    if not all then return usage_error(words) end
    if #words > 0 then return usage_error("--top: it shows all processes") end
    return require "tiexec.inspect.top".main(all)
end

local function run_warm(given, operands)
    local all, names = separate(given, operands)
    if not all then return usage_error(names) end
    local by_profiles = all.profiles
    all.profiles = nil
    if #names == 0 and not by_profiles then
        return usage_error("--warm: a program is needed, or --profiles")
    end
    return require "tiexec.warm".run(with_environment(all), names, by_profiles)
end

local function run_service(given, operands)
    if #operands > 0 then return usage_error("--service: it starts no program") end
    local all = with_environment(given)
    all.service = nil -- what a profile says counts
    return require "tiexec.service".run(all)
end

-- Parses a process id. Returns nil if the word is none.
local function parse_pid(word)
    local pid = math.tointeger(tonumber(word))
    return pid and pid > 0 and pid or nil
end

-- The processes that `--inspect` is asked for; nil, string: what is wrong.
local function inspected(words, name)
    local processes = require "tiexec.inspect.processes"
    local pids = name and processes.named(name) or {}
    if name and #pids == 0 then
        return nil, ("--inspect: no process is called '%s'"):format(name)
    end
    for word in table.concat(words, " "):gmatch("[^%s,]+") do
        if word == "all" then return processes.all() end
        local pid = parse_pid(word)
        if not pid then
            return nil, ("--inspect: '%s' is not a process id (-p NAME finds them by name)")
                :format(word)
        end
        pids[#pids + 1] = pid
    end
    if #pids > 0 then return pids end
    return nil, "--inspect: a process id is needed, -p NAME, all, or -- CMD"
end

local formats <const> = { table = true, json = true, prometheus = true }

-- Settles in which format something is shown. Gives what is wrong, or nil.
local function choose_format(given)
    local format = given.format
    if not format then return nil end
    if not formats[format] then return "--format: there are table, json and prometheus" end
    if given.json and format ~= "json" then return "--json and --format exclude each other" end
    given.json = format == "json"
end

-- Runs `--inspect PID...`, or `--inspect -- CMD` if the operands come after "--".
local function run_inspect(given, operands, is_command)
    local inspect = require "tiexec.inspect"
    if is_command and given.inspect == true and #operands > 0 then
        local wrong = choose_format(given)
        if wrong then return usage_error(wrong) end
        return inspect.command(with_environment(given), operands)
    end
    local all, words = separate(given, operands)
    if not all then return usage_error(words) end
    if given.inspect ~= true then table.insert(words, 1, given.inspect) end
    local pids, wrong = inspected(words, all.process)
    wrong = misplaced(all) or choose_format(all) or wrong
    all.is_sweep = words[1] == "all"
    if pids and #pids ~= 1 and all.svg then wrong = "--svg: one process can be drawn" end
    if wrong then return usage_error(wrong) end
    return inspect.run(with_environment(all), pids)
end

-- Runs `--attach` or `--undo`, whichever `action` names. The operands are process ids, so that
-- $(pidof NAME) may follow the option; further options may stand before, among and after them.
local function run_attached(given, operands, action)
    local all, words = separate(given, operands)
    if not all then return usage_error(words) end
    local wrong = misplaced(all)
    if wrong then return usage_error(wrong) end
    if given[action] ~= true then table.insert(words, 1, given[action]) end
    local pids = {}
    for word in table.concat(words, " "):gmatch("[^%s,]+") do
        local pid = parse_pid(word)
        if not pid then
            return usage_error(("--%s: '%s' is not a process id"):format(action, word))
        end
        pids[#pids + 1] = pid
    end
    if #pids == 0 then return usage_error(("--%s: a process id is needed"):format(action)) end
    local attach = require "tiexec.remap.attach"
    return (action == "undo" and attach.undo or attach.run)(pids, with_environment(all))
end

-- Runs `--script -i`: a prompt. CMD follows, or --attach PID, which may stand before it, too.
local function run_prompt(given, operands)
    local more, words = settings.from_arguments({ "tiexec", table.unpack(operands) }, options)
    if not more then return usage_error(words) end
    local pid = more.attach or given.attach
    more.attach = nil
    if next(more) then return usage_error("--script -i: CMD, or --attach PID may follow") end
    if pid == true then pid = table.remove(words, 1) or "" end
    if pid and (not parse_pid(pid) or #words > 0) then
        return usage_error("--script -i --attach: one process id is needed")
    end
    _G.arg, _G.tiexec = table.move(words, 1, #words, 1, {}), require "tiexec"
    core.keep_blocks()
    return require "tiexec.script.interactive".run(words, pid and parse_pid(pid))
end

-- The process id of `--attach` beside other options, which may come before and after it.
local function attached_pid(given, operands)
    local all, words = separate(given, operands)
    if not all then return nil, words end
    if given.attach ~= true then table.insert(words, 1, given.attach) end
    local pid = parse_pid(words[1])
    if pid and #words == 1 then return pid, all end
    return nil, "--attach: one process id is needed here"
end

-- Runs `--compare --attach PID`, of which `given` has all options.
local function run_compare_attached(given, pid, seconds)
    if given.compare ~= true then return usage_error("--compare --attach compares no sets") end
    local list = require "tiexec.compare.sets".read(true, given)
    return require "tiexec.compare.live".run { pid = pid, options = list[1].options,
        seconds = seconds, metric = given.metric, keep_best = given["keep-best"],
        json = given.json }
end

-- Runs `--compare`.
local function run_compare(given, operands)
    local sets, pid = require "tiexec.compare.sets", nil
    if given.attach then
        local all
        pid, all = attached_pid(given, operands)
        if not pid then return usage_error(all) end
        given = all
    end
    local list, wrong = nil, misplaced(given) or sets.misplaced(given)
    local seconds = tonumber(given.seconds or given.attach and 60 or 20)
    if not seconds or seconds < 3 or seconds > 86400 then
        wrong = wrong or "--seconds: from 3 to 86400"
    end
    if not wrong and pid then return run_compare_attached(given, pid, seconds) end
    if not wrong then list, wrong = sets.read(given.compare, given) end
    if wrong then return usage_error(wrong) end
    if #operands == 0 then return usage_error("a command is missing") end
    return require "tiexec.compare".run(operands, list, { seconds = seconds, json = given.json })
end

-- Runs `--record=tlb CMD`.
local function run_model(given, operands)
    local model = require "tiexec.model"
    local skip, wrong = model.asked(given.record)
    for _, name in ipairs { "attach", "report", "output", "svg" } do
        if given[name] then wrong = ("--record=tlb and --%s exclude each other"):format(name) end
    end
    if not wrong and #operands == 0 then wrong = "a command is missing" end
    if wrong then return usage_error(wrong) end
    return model.run(operands, with_environment(given), skip)
end

-- Runs `--record CMD`, `--record --attach PID` or `--record --report FILE`.
local function run_record(given, operands)
    local pid, all
    if given.attach then
        pid, all = attached_pid(given, operands)
        if not pid then return usage_error(all) end
        given = all
    end
    local asked = { output = given.output, svg = given.svg, json = given.json }
    asked.seconds = given.record ~= true and tonumber(given.record) or nil
    if given.record ~= true and not (asked.seconds and asked.seconds > 0) then
        return usage_error("--record: SECONDS is a number, or tlb")
    end
    local record = require "tiexec.record"
    if given.report then
        if #operands > 0 then return usage_error("--record --report: a recording, and no CMD") end
        return record.show(given.report, asked)
    elseif pid then
        return record.attach(pid, asked)
    end
    if #operands == 0 then return usage_error("a command is missing") end
    return record.run(operands, asked)
end

-- Runs `--gdb WHERE --attach PID`.
local function run_gdb_attached(given, operands)
    local pid = given.attach ~= true and given.attach or operands[1]
    if not parse_pid(pid) or #operands > (given.attach == true and 1 or 0) then
        return usage_error("--gdb --attach: one process id is needed")
    end
    return require "tiexec.start.debug".attach(parse_pid(pid), given)
end

--- Runs tiexec with a command line.
-- @tparam table arguments list of strings with the program's name at 0, as Lua's `arg`
-- @treturn int exit status
function cli.main(arguments)
    local argv = table.move(arguments, 0, #arguments, 1, {})
    local given, operands, after_dashes = settings.from_arguments(argv, options)
    if not given then return usage_error(operands) end
    if given.help then return run_help(given.help) end
    if given.version then
        io.stdout:write("tiexec ", require "tiexec.base.version", "\n")
        return 0
    end
    if given.script or given.user or given.gdb then core.become_dynamic(argv) end
    local wrong = misplaced(given)
    if wrong then return usage_error(wrong) end
    if tostring(given.record):find("^tlb") then return run_model(given, operands) end
    if given.record then return run_record(given, operands) end
    if given.compare then return run_compare(given, operands) end
    if given.inspect then return run_inspect(given, operands, after_dashes) end
    if given.check then return run_check(given, operands) end
    if given.top then return run_top(given, operands) end
    if given.service then return run_service(given, operands) end
    if given.warm then return run_warm(given, operands) end
    if given.profiles then return run_profiles(given, operands) end
    if given.script == "-i" then return run_prompt(given, operands) end
    if given.attach and given.gdb then return run_gdb_attached(given, operands) end
    if given.attach then return run_attached(given, operands, "attach") end
    if given.undo then return run_attached(given, operands, "undo") end
    if given.cache then return run_cache(given.cache) end
    if given.unit then return require "tiexec.unit".run(given.unit, given.remove) end
    if given.script then return run_script(given.script, operands) end
    if #operands == 0 then return usage_error("a command is missing") end
    if given.login and not given.user then return usage_error("--login needs --user") end
    if given.gdb then return require "tiexec.start.debug".run(operands, with_environment(given)) end
    return require "tiexec.start.launcher".run(operands, with_environment(given))
end

return cli
