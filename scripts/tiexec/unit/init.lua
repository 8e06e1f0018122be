-- SPDX-License-Identifier: Apache-2.0
--- `--unit NAME [--remove]`: a drop-in by which systemd starts a unit by tiexec.

local commands = require "tiexec.unit.commands"
local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local message = require "tiexec.base.message"

local unit = {}

local FOLDER <const> = "/etc/systemd/system"

local function fail(name, why)
    message.say("%s: %s", name, why)
    return exit.FAILED
end

-- Runs a command of the shell, of words of this file and the name of a unit.
local function run(command)
    local pipe <close> = assert(io.popen(command .. " 2>/dev/null"))
    local words = pipe:read("a")
    return pipe:close() and words or nil
end

-- What is said once systemd has been told.
local function tell(name, what)
    if not run("systemctl daemon-reload") then
        return fail(name, what .. ", but systemctl daemon-reload failed")
    end
    io.stdout:write(("%s: %s; now: systemctl restart %s\n"):format(name, what, name))
    return 0
end

local function remove(name, path)
    if not core.stat(path) then return fail(name, "there is no " .. path) end
    local ok, why = os.remove(path)
    if not ok then return fail(name, why) end
    os.remove((path:match("^(.*)/"))) -- the folder, if it has nothing else
    return tell(name, "removed " .. path)
end

-- Writes the drop-in, which is complete or not there.
local function write(path, words)
    run(("mkdir -p -m 755 '%s'"):format(path:match("^(.*)/")))
    local file, why = io.open(path .. ".new", "w")
    if not file then return nil, why end
    local ok = file:write(words)
    ok = file:close() and ok
    if not ok then return nil, path .. ": it cannot be written" end
    return os.rename(path .. ".new", path)
end

--- Runs `--unit NAME [--remove]`.
-- @string name of the unit; ".service" may be left out
-- @bool is_removed
-- @treturn int exit status
function unit.run(name, is_removed)
    if not name:find("^[%w@:_.-]+$") or name:find("^[-.]") then
        return fail(name, "not the name of a unit")
    end
    if not name:find("%.service$") then name = name .. ".service" end
    local path = ("%s/%s.d/tiexec.conf"):format(FOLDER, name)
    if is_removed then return remove(name, path) end
    local words = run("systemctl cat -- " .. name)
    if not words then return fail(name, "there is no such unit (or no systemctl)") end
    local program = core.readlink("/proc/self/exe")
    local drop_in, why = commands.drop_in(commands.read(words, path), program)
    if not drop_in then return fail(name, why) end
    local before = core.read_file(path)
    if before == drop_in then
        io.stdout:write(("%s: %s is up to date\n"):format(name, path))
        return 0
    end
    local ok
    ok, why = write(path, drop_in)
    if not ok then return fail(name, why) end
    local is_changed = before and commands.origin(before) ~= commands.origin(drop_in)
    return tell(name, (is_changed and "its ExecStart has changed: renewed " or "wrote ") .. path)
end

return unit
