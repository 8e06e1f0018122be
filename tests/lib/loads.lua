-- SPDX-License-Identifier: Apache-2.0
-- Servers with a load that comes from outside and counts what is answered: each request is checked, and none may fail.
-- What each server needs is in tests/lib/loads/NAME.lua.

local support = require "tests.lib.support"

local loads = {}

--- The servers.
loads.names = { "postgres", "mariadb", "prometheus", "node" }

local Load = {}
Load.__index = Load

local READY_S <const> = 60 -- within which a server has to answer
local END_S <const> = 30 -- within which a load has to end when it is told to

--- Runs words; an error with what they said, if they fail.
function Load.must(words)
    local result = support.run(words)
    if result.code ~= 0 then error((words[1] .. ": " .. result.err .. result.out):match("^[^\n]*"), 0) end
    return result.out
end

--- Starts words, which are ended with the load; what they print is in `self.folder.path .. "/" .. log`.
-- @string[opt] signal that ends them: SIGKILL
function Load:start(words, log, signal)
    local process = support.start(words, (">%s/%s 2>&1 </dev/null"):format(self.folder.path, log))
    self.started[#self.started + 1] = { process = process, signal = signal }
    return process
end

function Load:log(name) return support.read_file(self.folder.path .. "/" .. name) or "" end

--- Waits until a server answers.
-- @func check
-- @string log of the server
function Load:wait(check, log)
    if not support.wait_for(check, READY_S) then error("the server does not answer: " .. self:log(log), 0) end
end

--- Makes a folder that a server can write to that does not run as root, and gives the words that start it so.
function Load:unprivileged()
    assert(os.execute("chmod 755 " .. self.folder.path))
    if not support.is_root then return {} end
    assert(os.execute("chown 65534:65534 " .. self.folder.path))
    return { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" }
end

--- How many requests the server says it has answered.
function Load:served() return tonumber(support.shell(self.metric).out:match("%d+")) end

--- Ends what sends requests, unless it has ended, by a signal upon which it says what came of it.
function Load:signal(name) os.execute(("kill -%s %d 2>/dev/null"):format(name, self.asking.pid)) end

--- Ends the load and waits until all that was asked is answered.
-- @treturn table `answered`, `failed`, and what was `said` of it
function Load:finish()
    self.kind.stop(self)
    local ended = support.wait_for(function() return not self.asking:is_alive() end, END_S)
    if not ended then return { answered = 0, failed = 1, said = "the load does not end" } end
    return self.kind.count(self)
end

function Load:__close()
    for i = #self.started, 1, -1 do
        local one = self.started[i]
        if one.signal then one.process:stop(one.signal) end
        getmetatable(one.process).__close(one.process)
    end
    getmetatable(self.folder).__close(self.folder)
end

--- Starts a server, and a load. To be closed.
-- @string name one of loads.names
-- @int seconds after which the load ends by itself
-- @tparam[opt] table environment NAME=VALUE for the server
-- @treturn[1] table `pid`, the process that answers; `metric`, a command that prints how many requests were answered
-- @treturn[2] nil, string why it cannot be had here
function loads.start(name, seconds, environment)
    local kind = require("tests.lib.loads." .. name)
    local lacks = kind.lacks()
    if lacks then return nil, lacks .. " is not here" end
    local self = setmetatable({ kind = kind, seconds = seconds, started = {}, folder = support.folder(),
        environment = support.concat({ "env" }, environment) }, Load)
    local ok, why = pcall(kind.start, self)
    if ok then return self end
    self:__close()
    return nil, ("%s: %s"):format(name, why)
end

return loads
