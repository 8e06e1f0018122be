-- SPDX-License-Identifier: Apache-2.0
-- Packets of GDB's remote protocol.

local core = require "tiexec.core"
local link = require "tiexec.gdb.link"
local packets = require "tiexec.gdb.packets"
local signals = require "tiexec.gdb.signals"

local function all_of(decoder)
    local list = {}
    local kind, payload = decoder:next()
    while kind do
        list[#list + 1] = payload and kind .. " " .. payload or kind
        if kind == "endless" then break end
        kind, payload = decoder:next()
    end
    return list
end

local function decode(bytes, limit)
    local decoder = packets.decoder(limit or 100)
    decoder:feed(bytes)
    return all_of(decoder)
end

describe("packets", function()
    it("are taken out of a stream, wherever it is cut", function()
        local bytes = ("+$OK#9a-\3noise$g#67%%Stop:X#%s$#00"):format(packets.checksum("Stop:X"))
        local expected = { "ack", "packet OK", "nack", "interrupt", "packet g", "notification Stop:X", "packet " }
        assert.same(expected, decode(bytes))
        local decoder, list = packets.decoder(100), {}
        for i = 1, #bytes do
            decoder:feed(bytes:sub(i, i))
            for _, one in ipairs(all_of(decoder)) do list[#list + 1] = one end
        end
        assert.same(expected, list)
    end)

    it("that are damaged or endless are told", function()
        assert.same({ "damaged", "packet OK" }, decode("$OK#00$OK#9A"))
        assert.same({ "damaged" }, decode(packets.frame("*!")))
        assert.same({ "damaged" }, decode(packets.frame("a*\1")))
        assert.same({ "damaged" }, decode(packets.frame(("a*~"):rep(20))))
        assert.same({ "endless" }, decode("$" .. ("x"):rep(200)))
        assert.same({}, decode("$" .. ("x"):rep(50)))
    end)

    it("have runs, which are read as they were written", function()
        for n = 1, 300 do
            local payload = "a" .. ("0"):rep(n) .. "b" .. ("1"):rep(n % 9)
            local short = core.shorten(payload)
            assert.is_nil(short:find("[#$]"))
            assert.is_true(#short <= #payload)
            assert.same({ "packet " .. payload }, decode(packets.frame(short), 1000))
        end
    end)

    it("have escapes and hexadecimal", function()
        local bytes = {}
        for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
        bytes = table.concat(bytes)
        assert.equal(bytes, packets.unescape(packets.escape(bytes)))
        assert.is_nil(packets.escape(bytes):find("[#$*]"))
        assert.equal(bytes, packets.bytes(packets.hex(bytes)))
        assert.equal(bytes, packets.bytes(packets.hex(bytes):upper()))
        assert.is_nil(packets.bytes("0"))
        assert.is_nil(packets.bytes("0g"))
        assert.equal(-1, packets.number("ffffffffffffffff"))
        assert.is_nil(packets.number("10000000000000000"))
        assert.is_nil(packets.number("-1"))
        assert.is_nil(packets.number(nil))
    end)
end)

describe("GDB's numbers of signals", function()
    it("are those of its table", function()
        for gdb, name in pairs { [1] = "HUP", [2] = "INT", [5] = "TRAP", [6] = "ABRT", [9] = "KILL", [10] = "BUS",
            [11] = "SEGV", [15] = "TERM", [17] = "STOP", [19] = "CONT", [20] = "CHLD", [30] = "USR1", [31] = "USR2" } do
            assert.equal(gdb, signals.to_gdb(core.constants["SIG" .. name]), name)
            assert.equal(core.constants["SIG" .. name], signals.to_host(gdb), name)
        end
        assert.equal(46, signals.to_gdb(34))
        assert.equal(64, signals.to_host(78))
        assert.equal(143, signals.to_gdb(16))
        assert.is_nil(signals.to_host(143))
        assert.equal(0, signals.to_host(0))
    end)
end)

describe("a link", function()
    it("gives the last packet of a peer that is gone before it is acknowledged", function()
        local peer = {}
        function peer:read() return self.gone and "" or packets.frame "OK" end
        function peer:write()
            self.gone = true
            return nil, "write: Broken pipe", core.constants.EPIPE
        end
        local held = link.new(peer, 100)
        assert.same({ "packet", "OK" }, { held:receive() })
        assert.same({ core.constants.EPIPE }, { (select(3, held:receive())) })
    end)
end)
