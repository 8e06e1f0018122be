-- SPDX-License-Identifier: Apache-2.0
-- The tables "From gdb to tiexec" in docs/API.md: both run the same program, and say the same of it.

local rows = require "tests.lib.gdb_rows"
local stopped = require "tests.lib.stopped"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local WAIT_MS <const> = 20000
local SECONDS <const> = 600

local pwd <close> = io.popen("pwd")
local here = pwd:read("l")
local example = (support.programs:find("^/") and "" or here .. "/") .. support.programs .. "example"

-- ---- gdb ----------------------------------------------------------------------------------------

-- Every row begins at main, with nothing left of the one before.
local FRESH <const> = { "delete", "handle SIGUSR1 stop print pass", "set scheduler-locking replay",
    "set follow-fork-mode parent", "unset environment", "tbreak *main", "run" }

-- Whether a row's commands only look: then the program is still at main, as the next row wants it.
local function only_looks(row)
    for _, list in ipairs { row.gdb, row.after or {} } do
        for _, command in ipairs(list) do
            local looks = command:find("^print") or command:find("^x/") or command:find("^info ")
                or command:find("^find ") or command:find("^python print") or command:find("^python i =")
            if not looks then return false end
        end
    end
    return true
end

-- Runs all rows in one gdb. Gives what it says, by the rows' numbers.
local function run_gdb(pid, file)
    local words = { "timeout", "-k", "3", tostring(SECONDS * support.patience), "env", "-i", "gdb", "-q", "-nx",
        "-batch" }
    local function add(command) table.move({ "-ex", command }, 1, 2, #words + 1, words) end
    for _, setting in ipairs { "debuginfod enabled off", "pagination off", "confirm off", "width 0",
        "startup-with-shell off", "inferior-tty /dev/null" } do add("set " .. setting) end
    local is_fresh = false
    for i, row in ipairs(rows) do
        for _, command in ipairs(row.gdb and not is_fresh and FRESH or {}) do add(command) end
        if row.gdb then is_fresh = only_looks(row) end
        add(("echo @@%d\\n"):format(i))
        for _, list in ipairs { row.gdb or {}, row.after or {} } do
            for _, command in ipairs(list) do add((command:gsub("PID", pid):gsub("FILE", file))) end
        end
        add("echo @@\\n")
    end
    words[#words + 1] = example
    local result, said = support.run(words), {}
    for i, text in result.out:gmatch("@@(%d+)\n(.-)@@\n") do said[tonumber(i)] = text end
    return said, result.err
end

-- ---- tiexec -------------------------------------------------------------------------------------

local function at_main()
    local inferior = assert(tiexec.launch { example, env = {}, aslr = false, stdout = false })
    assert(inferior:breakpoint("main", { kind = "software", temporary = true })) -- as gdb's is
    assert(inferior:cont())
    assert.equal("breakpoint-hit", inferior:wait(WAIT_MS).reason)
    return inferior
end

-- What the code of rows may use besides `inferior` and `tiexec`.
local helpers = { PROGRAM = example }

function helpers.UNTIL(inferior, reason, passes)
    local event
    repeat
        assert(inferior:cont(passes and event and event.signal and { signal = 0 } or nil))
        event = assert(inferior:wait(WAIT_MS))
    until event.reason == reason or event.reason:find("^exited")
    return event
end

function helpers.STARTS(mappings)
    local list = {}
    for i, mapping in ipairs(mappings) do list[i] = mapping.start end
    return table.unpack(list)
end

function helpers.NAMES(frames, last)
    local list = {}
    for i, frame in ipairs(frames) do
        list[i] = frame.name
        if frame.name == last then break end
    end
    return table.unpack(list)
end

function helpers.LIBRARIES(objects)
    local list = {}
    for _, object in ipairs(objects) do
        if object.path ~= example then list[#list + 1] = object.name end
    end
    table.sort(list)
    return table.unpack(list)
end

-- Runs a row's code. Gives the list of its values.
local function run_tiexec(row, pid, file)
    local env = setmetatable({ tiexec = tiexec, inferior = at_main() }, { __index = function(_, name)
        return helpers[name] or _G[name]
    end })
    local first = env.inferior
    local function filled(code) return (code:gsub("PID", pid):gsub("FILE", file)) end
    local code = filled(row.tiexec)
    local expression = load("return " .. code, "row", "t", env)
    local result = table.pack((expression or assert(load(code, "row", "t", env)))())
    env.result = result[1]
    if row.value then result = table.pack(assert(load("return " .. filled(row.value), "row", "t", env))()) end
    if env.inferior ~= first then env.inferior:close() end
    pcall(stopped.finish, first)
    return result
end

-- ---- both ---------------------------------------------------------------------------------------

local function plain(value)
    local number = type(value) == "string" and tonumber(value) or value
    if math.type(number) == "float" then number = math.tointeger(number) or number end
    return tostring(number):lower()
end

local function seen(row, out)
    local list = type(row.see) == "function" and row.see(out) or table.pack(out:match(row.see))
    for i = 1, #list do list[i] = plain(list[i]) end
    list.n = nil
    return list
end

-- All registers that gdb lists and tiexec has, by name.
local function registers(out)
    local list = {}
    for name, value in out:gmatch("%f[^\n%z](%w+)%s+(0x%x+)%s") do list[name] = tonumber(value) end
    return list
end

describe("tiexec says what gdb says:", function()
    local said, errors, process, folder
    setup(function()
        process = support.start { example, "forever" }
        assert(support.wait_for(function() return support.has_become(process.pid, "example") end))
        folder = support.folder()
        said, errors = run_gdb(process.pid, folder.path .. "/gdb.core")
    end)
    teardown(function()
        getmetatable(process).__close(process)
        getmetatable(folder).__close()
    end)

    for i, row in ipairs(rows) do
        if row.gdb then
            it(table.concat(row.gdb, "; "), function()
                local out = assert(said[i], errors)
                local result = run_tiexec(row, process.pid, folder.path .. "/tiexec.core")
                if row.see == "registers" then
                    local theirs, ours, count = registers(out), {}, 0
                    local again = run_tiexec(row, process.pid, folder.path .. "/tiexec.core")[1]
                    for name in pairs(theirs) do
                        -- Each run has random bytes of its own (AT_RANDOM), of which a register may have some.
                        local is_random = result[1][name] ~= again[name]
                        ours[name], count = not is_random and result[1][name] or nil, count + 1
                    end
                    assert.is_true(count > 16)
                    for name in pairs(theirs) do theirs[name] = ours[name] and theirs[name] end
                    assert.same(theirs, ours)
                    return
                end
                local theirs, ours = seen(row, out), {}
                for n = 1, result.n do ours[n] = plain(result[n]) end
                assert.is_true(#theirs > 0, out .. errors)
                assert.same(theirs, ours)
            end)
        end
    end
end)
