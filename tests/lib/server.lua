-- SPDX-License-Identifier: Apache-2.0
-- For the specs of servers: finds their ports, and asks them, on the loopback interface.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local server = {}

--- The ports that a process listens on, from /proc.
function server.ports_of(pid)
    local sockets, ports = {}, {}
    for name in support.shell(("ls /proc/%d/fd"):format(pid)).out:gmatch("%d+") do
        local inode = (core.readlink(("/proc/%d/fd/%s"):format(pid, name)) or ""):match("^socket:%[(%d+)%]$")
        if inode then sockets[inode] = true end
    end
    for _, file in ipairs { "tcp", "tcp6" } do
        for line in (support.read_file(("/proc/%d/net/%s"):format(pid, file)) or ""):gmatch("[^\n]+") do
            local port, inode = line:match("^%s*%d+: %x+:(%x+) %x+:%x+ 0A %S+ %S+ %S+%s+%d+%s+%d+ (%d+)")
            if port and sockets[inode] then ports[#ports + 1] = tonumber(port, 16) end
        end
    end
    return ports
end

--- A port that nobody listens on, below those that the kernel itself gives out.
function server.free_port()
    local used = (support.read_file("/proc/net/tcp") or "") .. (support.read_file("/proc/net/tcp6") or "")
    local port
    repeat port = math.random(20000, 30000) until not used:find((":%04X "):format(port), 1, true)
    return port
end

--- What a server says to a request, without the headers; nil: it does not answer with 200.
function server.ask(port, request)
    local method, path, body = request:match("^(%S+) (%S+) ?(.*)$")
    local text = ("%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"):format(method, path, #body, body)
    local folder <close> = support.folder()
    support.write_file(folder.path .. "/request", text)
    local answer = support.run { "timeout", "30", "bash", "-c",
        'exec 3<>/dev/tcp/127.0.0.1/$1; cat "$2" >&3; cat <&3', "ask", tostring(port), folder.path .. "/request" }.out
    return answer:match("^HTTP/1%.[01] 200 .-\r\n\r\n(.*)$")
end

return server
