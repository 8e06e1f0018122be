-- SPDX-License-Identifier: Apache-2.0
-- Random packets of GDB's remote protocol, some of them malformed, for a server.

local packets = require "tiexec.gdb.packets"

local gdb_packets = {}

local function pick(list) return list[math.random(#list)] end

local numbers <const> = { "0", "1", "7", "8", "ff", "fff", "1000", "8000", "7fffffff", "80000000", "ffffffff",
    "7fffffffffffffff", "8000000000000000", "ffffffffffffffff", "10000000000000000", "-1", "", "x", " 1", "0x1", "00" }

local function number() return pick(numbers) end

local function id() return pick { number(), "p" .. number() .. "." .. number(), "p-1.-1", "p1", "p.", "-1", "0" } end

local function bytes(most)
    local list = {}
    for i = 1, math.random(0, most) do list[i] = string.char(math.random(0, 255)) end
    return table.concat(list)
end

-- Makes one payload. `at` gives addresses that are mapped, and `folder` is where files may be.
local kinds = {
    function() return pick { "?", "g", "G", "p", "P", "m", "M", "X", "H", "T", "D", "z", "Z", "c", "s", "v", "q", "Q",
        "!", "R", "vCont", "vCont?", "vFile", "qXfer", "qC", "qfThreadInfo", "qsThreadInfo", "qSupported", "qAttached",
        "qSymbol", "qOffsets", "vMustReplyEmpty", "list", "name", "clear", "xml", "supported", "qlist", "vclear",
        "" } end,
    function(at) return ("%s%s,%s"):format(pick { "m", "m", "X", "M" }, pick { at(), number() }, number()) end,
    function(at) return ("X%s,%s:%s"):format(pick { at(), number() }, number(), packets.escape(bytes(20))) end,
    function(at) return ("M%s,%s:%s"):format(pick { at(), number() }, number(), packets.hex(bytes(20))) end,
    function(at) return ("%s%s,%s,%s"):format(pick { "Z", "z" }, pick { "0", "1", "2", "3", "4", "5", "" },
        pick { at(), number() }, number()) end,
    function() return pick { "p", "P" } .. number() .. pick { "", "=", "=00", "=" .. ("0"):rep(16), "=zz" } end,
    function() return ("qGetTLSAddr:%s,%s,%s"):format(id(), number(), number()) end,
    function() return "G" .. pick { "", "xx", ("0"):rep(100), ("x"):rep(1000), packets.hex(bytes(400)) } end,
    function() return pick { "Hg", "Hc", "Hx", "T" } .. id() end,
    function() return "vCont" .. pick { ";c", ";s", ";C", ";S", ";t", ";r", ";" } .. pick { "", "05", "ff", number() }
        .. pick { "", ":" .. id(), ":" .. id() .. ";c", "," .. number() } end,
    function() return pick { "c", "s", "C", "S" } .. pick { "", number(), number() .. ";" .. number() } end,
    function() return ("qXfer:%s:%s:%s:%s,%s"):format(pick { "features", "auxv", "exec-file", "threads",
        "libraries-svr4", "siginfo", "memory-map", "" }, pick { "read", "read", "write", "" },
        pick { "", "target.xml", "x:y", "../../etc/passwd" }, number(), number()) end,
    function() return ("qXfer:siginfo:write::%s:%s"):format(number(), packets.escape(bytes(150))) end,
    function() return pick { "QPassSignals:", "QProgramSignals:", "QCatchSyscalls:", "QCatchSyscalls:1;", "QNonStop:",
        "QStartNoAckMode" } .. pick { "", number(), number() .. ";" .. number(), ";;;" } end,
    function() return ("qSearch:memory:%s;%s;%s"):format(number(), number(), packets.escape(bytes(4))) end,
    function(_, folder)
        local path = folder .. "/" .. pick { "a", "b", "", "c\0d" }
        local flags = pick { "0", "1", "2", "601", "a02", number() }
        return ("vFile:open:%s,%s,%s"):format(packets.hex(path), flags, number())
    end,
    function()
        local name = pick { "pread", "pwrite", "close", "fstat", "readlink", "setfs", "zzz" }
        return ("vFile:%s:%s,%s,%s"):format(name, number(), number(), pick { number(), bytes(10) })
    end,
    function() return bytes(60) end,
}

--- One payload.
function gdb_packets.payload(at, folder) return pick(kinds)(at, folder) end

-- A packet as it may come over a bad line.
local function damage(text)
    if text == "" then return text end
    local at = math.random(#text)
    return pick { text:sub(1, at), text:sub(1, at - 1) .. string.char(math.random(0, 255)) .. text:sub(at + 1),
        text:sub(at), "$" .. text, text .. text, "%" .. text }
end

--- The bytes of a conversation: so many packets, some damaged, some interrupts. It ends with a detach that is
-- understood whatever comes before.
function gdb_packets.conversation(count, at, folder)
    local list = {}
    for i = 1, count do
        local text = packets.frame(gdb_packets.payload(at, folder))
        if math.random(8) == 1 then text = damage(text) end
        list[i] = text .. pick { "", "", "+", "-", "\3", "\3" }
    end
    list[count + 1] = "\3#00\3" .. packets.frame("D"):rep(2)
    return table.concat(list)
end

-- ---- what a stub may reply ----------------------------------------------------------------------

local tags <const> = { "<target>", "</target>", "<architecture>i386:x86-64</architecture>", "<feature name='a'>",
    "</feature>", "<reg name='rip' bitsize='64' type='code_ptr'/>", "<reg name='pc' bitsize='64'/>",
    "<reg name='rsp' bitsize='64' regnum='3'/>", "<reg name='big' bitsize='99999999999999999999'/>",
    "<reg name='x' bitsize='1' regnum='-1'/>", "<reg bitsize='8'/>", "<reg name='xmm0' bitsize='128' type='vec128'/>",
    "<xi:include href='target.xml'/>", "<xi:include href='x'/>", "<!-- ", " -->", "<?xml ?>", "<![CDATA[", "&amp;",
    "&#0;", "&#x110000;", "<library name='/lib/x' lm='0x1' l_addr='0xffffffffffffffff'/>", "<library-list-svr4>",
    "<a b=\"", ">", "<", "</", "/>" }

local function document()
    local list = {}
    for i = 1, math.random(0, 12) do list[i] = pick(tags) end
    local text = table.concat(list)
    if math.random(10) > 3 then
        text = "<target><architecture>i386:x86-64</architecture><reg name='rip' bitsize='64'/>"
            .. "<reg name='rsp' bitsize='64'/><reg name='xmm0' bitsize='128'/></target>"
            .. (math.random(4) == 1 and text or "")
    end
    return text
end

local replies <const> = {
    function() return "OK" end,
    function() return "" end,
    function() return "E" .. pick { "01", "", ".text", "zz" } end,
    function() return pick { "l", "m", "", "x" } .. packets.escape(document()) end,
    function() return pick { "l", "m" } .. packets.escape(bytes(64)) end,
    function() return packets.hex(bytes(80)) end,
    function() return ("x"):rep(math.random(0, 99)) end,
    function() return "T" .. pick { "05", "02", "0b", "zz", "" } .. "thread:" .. id() .. ";" .. pick { "",
        "watch:" .. number() .. ";", "swbreak:;", "06:" .. packets.hex(bytes(8)) .. ";", "exec:;",
        "syscall_entry:" .. number() .. ";" } end,
    function() return pick { "S05", "S", "W00", "W", "X0b", "W1;process:1", "N", "O" .. packets.hex("text"), "Oz",
        "Fopen,1" } end,
    function() return "m" .. id() .. "," .. id() end,
    function() return pick { "l", "QC" .. id(), "vCont;c;s", "F1", "F-1,2", "F8;12345678", "F" } end,
    function() return "PacketSize=" .. number() .. ";QStartNoAckMode+;multiprocess+;qXfer:features:read+;"
        .. "qXfer:auxv:read+;qXfer:libraries-svr4:read+;qXfer:siginfo:read+;QCatchSyscalls+" end,
    function() return bytes(60) end,
}

--- The bytes that a stub sends: so many replies, whatever it is asked. Most begin as a stub would.
function gdb_packets.replies(count)
    local list = {}
    if math.random(5) > 1 then
        list = { "PacketSize=400;qXfer:features:read+;qXfer:auxv:read+;qXfer:libraries-svr4:read+",
            "T05thread:1;", "l" .. packets.escape(document()), "QC1", "vCont;c;s;C;S" }
    end
    for _ = 1, count do list[#list + 1] = pick(replies)() end
    for i, payload in ipairs(list) do
        local text = packets.frame(payload)
        if math.random(20) == 1 then text = damage(text) end
        list[i] = pick { "+", "+", "", "-" } .. text
    end
    return table.concat(list)
end

return gdb_packets
