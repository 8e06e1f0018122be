-- SPDX-License-Identifier: Apache-2.0
-- Damaged ELF files: whatever the kernel makes of one, it makes the same of it under tiexec.

local support = require "tests.lib.support"

local small, ample = support.programs .. "small", support.programs .. "ample"

-- Runs each file by itself and by tiexec, in one shell, without address space randomization, so that two runs
-- of the same file see the same. bash refuses to take an ELF file for a script, as tiexec does.
local script <const> = [[
run() { timeout -s KILL 60 setarch -R bash -c '"$@"' - "$@" >"$dir/out" 2>"$dir/err" </dev/null
    echo "$? $(cksum <"$dir/out")"; }
dir=$1 tiexec=$2
for file in "$dir"/case*; do
    plain=$(run "$file")
    by_tiexec=$(run "$tiexec" "$file")
    [ "$plain" = "$by_tiexec" ] || echo "${file##*/}: $plain, by tiexec $by_tiexec: $(cat "$dir/err")"
    grep -aq 'internal error\|traceback' "$dir/err" && echo "${file##*/}: $(cat "$dir/err")"
    echo "$plain" >>"$dir/ends"
done
exit 0
]]

-- Gives a list of what differed, and a count of each way the plain runs ended.
local function compare(folder)
    support.write_file(folder.path .. "/script", script)
    local result = support.run { "bash", folder.path .. "/script", folder.path, support.tiexec }
    local ends = {}
    for code in (support.read_file(folder.path .. "/ends") or ""):gmatch("(%d+) %d+ %d+\n") do
        ends[tonumber(code)] = (ends[tonumber(code)] or 0) + 1
    end
    return result.out, ends
end

-- Ends that depend on the CPU and its page size. SIGKILL is the time limit's.
local function some_crash(ends)
    for code in pairs(ends) do
        if code > 128 and code ~= 128 + 9 then return true end
    end
    return false
end

local function add(folder, number, bytes)
    local path = ("%s/case%04d"):format(folder.path, number)
    support.write_file(path, bytes)
end

-- Random numbers that do not depend on Lua's generator: the files are the same each time.
local function generator(seed)
    return function(n)
        seed = seed * 6364136223846793005 + 1442695040888963407
        return (seed >> 33) % n
    end
end

local function put(bytes, offset, format, value)
    local packed = string.pack(format, value)
    return bytes:sub(1, offset) .. packed .. bytes:sub(offset + #packed + 1)
end

local values = { 0, 1, 7, 8, 63, 64, 4095, 4096, 4097, 65535, 1 << 20, (1 << 21) - 1, 1 << 21, 1 << 31, (1 << 32) - 1,
    1 << 40, (1 << 47) - 4096, math.maxinteger, math.mininteger, -1, -4096 }

-- One hostile value, or a small change of the true one.
local function damage_field(random, bytes, offset, format)
    local old = string.unpack(format, bytes, offset + 1)
    local value = random(2) == 0 and values[random(#values) + 1]
        or old + ({ -4096, -1, 1, 4096, 1 << 21 })[random(5) + 1]
    local size = string.packsize(format)
    if size < 8 then value = value & (1 << 8 * size) - 1 end
    return put(bytes, offset, format, value)
end

-- Elf64_Ehdr and Elf64_Phdr, by offset.
local header_fields = { { 16, "<I2" }, { 24, "<i8" }, { 32, "<i8" }, { 40, "<i8" }, { 52, "<I2" }, { 54, "<I2" },
    { 56, "<I2" }, { 58, "<I2" }, { 60, "<I2" }, { 62, "<I2" } }
local segment_fields = { { 0, "<I4" }, { 4, "<I4" }, { 8, "<i8" }, { 16, "<i8" }, { 32, "<i8" }, { 40, "<i8" },
    { 48, "<i8" } }

local function damage(random, bytes)
    local first, size, count = string.unpack("<i8", bytes, 33), 56, string.unpack("<I2", bytes, 57)
    for _ = 1, 1 + random(2) do
        if random(3) == 0 then
            local field = header_fields[random(#header_fields) + 1]
            bytes = damage_field(random, bytes, field[1], field[2])
        else
            local field = segment_fields[random(#segment_fields) + 1]
            bytes = damage_field(random, bytes, first + random(count) * size + field[1], field[2])
        end
    end
    return bytes
end

local function make_executable(folder) os.execute(("chmod 755 %s/case*"):format(folder.path)) end

describe("a damaged ELF file ends as by itself:", function()
    it("a small static program cut off at many lengths", function()
        local folder <close> = support.folder()
        local bytes = support.read_file(small)
        local lengths = { 4, 5, 15, 16, 17, 18, 20, 40, 63, 64, 65, 100, 119, 120, 121, 200, 400 }
        while #lengths < 60 do lengths[#lengths + 1] = (#lengths - 16) * #bytes // 44 end
        table.move({ #bytes - 1, #bytes - 64 }, 1, 2, #lengths + 1, lengths) -- the section headers are at the end
        for i, length in ipairs(support.some(lengths, 3)) do add(folder, i, bytes:sub(1, length)) end
        make_executable(folder)
        local differences, ends = compare(folder)
        assert.equal("", differences)
        assert.truthy(ends[7], "some must run")
        assert.truthy(ends[126], "some must be refused")
        assert.truthy(some_crash(ends), "some must crash")
    end)

    it("a dynamic program cut off at some lengths", function()
        local folder <close> = support.folder()
        local bytes = support.read_file(ample)
        local count = support.rounds(12)
        for i = 1, count do add(folder, i, bytes:sub(1, i * #bytes // count - 1)) end
        make_executable(folder)
        local differences, ends = compare(folder)
        assert.equal("", differences)
        assert.truthy(next(ends))
    end)

    local COUNT <const> = support.patience > 1 and 40 or 110
    for part = 1, support.patience > 1 and 1 or 3 do
        it(("%d with hostile headers, part %d"):format(COUNT, part), function()
            local folder <close> = support.folder()
            local random, bytes = generator(part), support.read_file(small)
            for i = 1, COUNT do add(folder, i, damage(random, bytes)) end
            make_executable(folder)
            local differences, ends = compare(folder)
            assert.equal("", differences)
            assert.truthy(ends[7], "some must run")
            assert.truthy(ends[126], "some must be refused")
            assert.truthy(some_crash(ends), "some must crash")
        end)
    end

    it("and a difference would be seen", function()
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/case", "#!/bin/sh\necho $$\n")
        make_executable(folder)
        assert.truthy(compare(folder):find("by tiexec"))
    end)
end)
