-- SPDX-License-Identifier: Apache-2.0
-- What tests/fuzz/packets.c does with an input. Its first byte says how it is read: `x`, a document of XML; `d`, a
-- stream of packets that is cut anywhere; `g`, what gdb sends to a server, a payload in each line; else what a stub
-- replies, likewise.

local c = require "tiexec.core".constants
local client = require "tiexec.gdb.client"
local packets = require "tiexec.gdb.packets"
local server = require "tiexec.gdb.server"
local stream = require "tiexec.gdb.stream"
local tiexec = require "tiexec"
local xml = require "tiexec.gdb.xml"

local LIMIT <const> = 4096

-- All that a decoder finds in bytes that come in pieces.
local function decode(...)
    local decoder, list = packets.decoder(LIMIT), {}
    for _, bytes in ipairs { ... } do
        decoder:feed(bytes)
        local kind, payload = decoder:next()
        while kind and kind ~= "endless" do
            assert(not payload or #payload <= LIMIT, "a payload is too long")
            list[#list + 1] = kind .. " " .. (payload or "")
            kind, payload = decoder:next()
        end
        if kind then return nil end
    end
    return table.concat(list, "\n")
end

local function try_stream(bytes)
    local cut = #bytes // 2
    local whole, cut_up = decode(bytes), decode(bytes:sub(1, cut), bytes:sub(cut + 1))
    assert(not whole or not cut_up or whole == cut_up, "what is found depends on where the stream is cut")
    assert(decode(packets.frame(packets.escape(bytes:sub(1, 1000)))), "a packet is endless")
    assert(packets.unescape(packets.escape(bytes)) == bytes, "escapes are not undone")
    assert(packets.bytes(packets.hex(bytes)) == bytes, "hexadecimal is not undone")
end

-- A stub that replies what it is told to, and then is gone.
local function stub(bytes)
    local text = {}
    for line in bytes:gmatch("[^\n]+") do text[#text + 1] = packets.frame(line) end
    text = table.concat(text)
    return { read = function()
        local all = text
        text = ""
        return all
    end, write = function() return true end, close = function() end }
end

local calls <const> = { { "threads" }, { "registers", "all" }, { "read_memory", 4096, 100 }, { "breakpoint", 4096 },
    { "watch", 4096, 4 }, { "cont" }, { "wait", 50 }, { "auxv" }, { "libraries" }, { "siginfo" }, { "read_file", "/x" },
    { "stepi" }, { "wait", 50 }, { "write_memory", 4096, "text" }, { "symbolize", 4096 }, { "exec_file" },
    { "catch_syscalls", { 1 } }, { "kill" } }

local function try_stub(bytes)
    stream.connect = function() return stub(bytes) end
    local remote, why, errno = client.connect("stub", { timeout = 100, file = "/none" })
    if not remote then
        assert(type(why) == "string" and math.type(errno) == "integer", "no reason is given")
        return
    end
    for _, call in ipairs(calls) do
        local result, reason, number = remote[call[1]](remote, table.unpack(call, 2))
        assert(result ~= nil or reason == nil or type(reason) == "string" and math.type(number) == "integer",
            call[1] .. " gives no reason")
    end
    remote:close()
end

-- ---- a server -----------------------------------------------------------------------------------------------------

local open <const> = io.open
local PROGRAM <const> = os.getenv("FUZZ_PROGRAM") or "build/tests/state"

local inferior -- a program that runs for ever, until a peer has ended it, or has made it crash

local function launch()
    return assert(tiexec.launch { PROGRAM, stdin = false, stdout = false, stderr = false })
end

-- The inferior for a server: it waits for a moment, and not for the peer, which says no more.
local function hurried()
    return setmetatable({ wait = function(_, timeout)
        local event, why, errno = inferior:wait(math.min(timeout or 1, 1))
        if errno == c.ETIMEDOUT then errno = c.EAGAIN end
        return event, why, errno
    end }, { __index = function(_, name)
        return function(_, ...) return inferior[name](inferior, ...) end
    end })
end

-- A peer that has said it all, and then is gone.
local function peer(bytes)
    local list = {}
    for line in bytes:gmatch("[^\n]+") do list[#list + 1] = line == "\3" and line or packets.frame(line) end
    return stub(table.concat(list))
end

-- No file of the host is written to, wherever a packet may lead.
local function only_read(path, mode)
    if mode and mode:find("[wa+]") then return nil, "it may be read alone", c.EACCES end
    return open(path, mode)
end

local function try_server(bytes)
    inferior = inferior or launch()
    local failure
    io.open = only_read -- luacheck: ignore 122
    local outcome, why, errno = server.serve(hurried(), peer(bytes), { fail = function(text)
        failure = failure or text
    end })
    io.open = open -- luacheck: ignore 122
    assert(not failure, failure)
    assert(outcome or type(why) == "string" and math.type(errno) == "integer", "no reason is given")
    assert(#inferior:breakpoints() == 0, "a breakpoint is left")
    local is_stopped = inferior:read_register("pc") ~= nil
    assert(is_stopped or inferior:threads()[1] == nil or outcome == "exited" or outcome == "killed", "it runs")
    if outcome ~= "detached" or not is_stopped then
        getmetatable(inferior).__close(inferior)
        inferior = nil
    end
end

return function(input)
    local kind, bytes = input:sub(1, 1), input:sub(2)
    if kind == "x" then
        xml.tags(bytes)
    elseif kind == "d" then
        try_stream(bytes)
    elseif kind == "g" then
        try_server(bytes)
    else
        try_stub(bytes)
    end
end
