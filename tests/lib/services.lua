-- SPDX-License-Identifier: Apache-2.0
-- For the specs of --service: a service for programs in a folder, seen from outside.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local services = {}

local Service = {}
Service.__index = Service

function Service:__close()
    local process = self.process
    getmetatable(process).__close(process)
    getmetatable(self.folder).__close(self.folder)
end

--- What it has said, and its metrics by name and label: `attached_total{result="gained"}`.
function Service:log() return support.read_file(self.folder.path .. "/log") or "" end

function Service:metrics()
    local list = {}
    for name, value in (support.read_file(self.folder.path .. "/metrics") or "")
        :gmatch("\ntiexec_service_(%S+) (%S+)") do list[name] = tonumber(value) end
    return list
end

--- Waits for a metric to be at least so much.
function Service:reaches(name, value)
    return support.wait_for(function() return (self:metrics()[name] or 0) >= value end)
end

--- Whether it has said so many lines of a process.
function Service:lines_of(pid)
    return select(2, self:log():gsub(("%%(process %d%%)"):format(pid), ""))
end

--- Starts it, again if it was ended, and waits until it watches.
function Service:start()
    os.remove(self.folder.path .. "/log")
    self.process = support.start(support.concat(self.prefix, { support.tiexec, "--service", "--profile",
        self.folder.path .. "/profile.lua", "--metrics", self.folder.path .. "/metrics" }, self.options),
        ("2>%s/log"):format(self.folder.path))
    assert(support.wait_for(function() return self:log():find("tiexec: service: ", 1, true) end), self:log())
end

--- Puts a copy of a test program into its folder, for profiles to name.
function Service:copy(name, as)
    local path = ("%s/%s"):format(self.folder.path, as or name)
    assert(os.execute(("cp %s%s %s"):format(support.programs, name, path)))
    return path
end

function Service:profile(text) support.write_file(self.folder.path .. "/profile.lua", text) end

--- Whether a process comes to have so much text on huge pages, with nobody tracing it.
function services.becomes_huge(pid, bytes)
    return support.wait_for(function()
        return support.huge_text(pid) >= bytes and core.status(pid, "TracerPid") == 0
    end) or false
end

--- Makes a service that is not started yet.
-- @tparam[opt] table options `profile`, its text, in which FOLDER stands for its folder; `options` of tiexec's;
-- `prefix`, words before it
function services.make(options)
    local self = setmetatable({ folder = support.folder(), options = options.options, prefix = options.prefix or {} },
        Service)
    assert(os.execute("chmod 755 " .. self.folder.path))
    self:profile((options.profile:gsub("FOLDER", self.folder.path)))
    return self
end

--- The same, and starts it.
function services.start(options)
    local self = services.make(options)
    self:start()
    return self
end

return services
