-- SPDX-License-Identifier: Apache-2.0
-- What tests/fuzz/packets.c does with an input. Its first byte says how it is read: `x`, a document of XML; `d`, a
-- stream of packets that is cut anywhere; else what a stub replies, a payload in each line.

local client = require "tiexec.gdb.client"
local packets = require "tiexec.gdb.packets"
local stream = require "tiexec.gdb.stream"
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

return function(input)
    local kind, bytes = input:sub(1, 1), input:sub(2)
    if kind == "x" then
        xml.tags(bytes)
    elseif kind == "d" then
        try_stream(bytes)
    else
        try_stub(bytes)
    end
end
