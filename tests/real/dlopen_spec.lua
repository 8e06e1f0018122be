-- SPDX-License-Identifier: Apache-2.0
-- Large real libraries, loaded by an interpreter while it runs.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local PYTHON <const> = "/usr/bin/python3"
local MIB <const> = 1 << 20

-- Loads, says how much it has loaded, and at a line read works, says what came of it, and unloads.
local script <const> = [=[
import ctypes, _ctypes, sys
libraries = [ctypes.CDLL(name) for name in sys.argv[1:]]
print("loaded", flush=True)
sys.stdin.readline()
llvm = libraries[0]
llvm.LLVMGetDefaultTargetTriple.restype = ctypes.c_char_p
llvm.LLVMModuleCreateWithName.restype = llvm.LLVMPrintModuleToString.restype = ctypes.c_void_p
llvm.LLVMPrintModuleToString.argtypes = [ctypes.c_void_p]
module = llvm.LLVMModuleCreateWithName(b"module")
print(llvm.LLVMGetDefaultTargetTriple(), ctypes.string_at(llvm.LLVMPrintModuleToString(module)), flush=True)
sys.stdin.readline()
sys.exit(6)
]=]

-- As clang needs them: their names tell the version.
local needed = support.shell("ldd /usr/bin/clang").out
local names = { needed:match("libLLVM%S+"), needed:match("libclang%-cpp%S+") }

-- Bytes of a library's text, and of them those on huge pages. A copy that all share is named after it.
local function text_of(pid, name)
    local size, huge = 0, 0
    for _, m in ipairs(support.smaps(pid)) do
        if m.perms:find("x") and m.path:find("/" .. name, 1, true) then
            size, huge = size + m.stop - m.start, huge + support.huge_bytes(m)
        end
    end
    return size, huge
end

-- Runs the script to its end; `look` is called when the libraries are loaded.
local function run(words, look)
    local folder <close> = support.folder()
    local path = folder.path
    assert(os.execute(("mkfifo %s/in"):format(path)))
    for _, word in ipairs { PYTHON, "-c", script, table.unpack(names) } do words[#words + 1] = word end
    local process <close> = support.start(words, ("<>%s/in >%s/out 2>%s/err"):format(path, path, path))
    local function lines() return select(2, (support.read_file(path .. "/out") or ""):gsub("\n", "")) end
    for n = 1, 2 do
        local ok = support.wait_for(function() return lines() == n or not process:is_alive() end, 60)
        assert(ok and process:is_alive(), support.read_file(path .. "/err"))
        if n == 1 then look(process.pid) end
        support.write_file(path .. "/in", "\n")
    end
    support.wait_for(function() return not process:is_alive() end)
    local _, how, code = process.pipe:close()
    return { out = support.read_file(path .. "/out"), ended = how .. " " .. code }
end

describe("--follow=dlopen:", function()
    it("LLVM's and clang's libraries in python", function()
        if #names < 2 then return pending("clang is not installed") end
        local probe = support.run { PYTHON, "-c", "import ctypes, sys; [ctypes.CDLL(n) for n in sys.argv[1:]]",
            table.unpack(names) }
        if probe.code ~= 0 then return pending("python3 with ctypes is not installed: " .. probe.err) end
        local mode <close> = support.thp("madvise")
        assert(mode or not support.is_root)
        local plain = run({}, function() end)
        local result = run({ support.tiexec, "--follow=dlopen" }, function(pid)
            for _, name in ipairs(names) do
                local size, huge
                support.wait_for(function()
                    size, huge = text_of(pid, name)
                    return size - huge < 4 * MIB and core.status(pid, "TracerPid") == 0
                end, 60)
                assert.is_true(size > 40 * MIB)
                assert.is_true(size - huge < 4 * MIB, ("%s: %d of %d"):format(name, huge, size))
            end
        end)
        assert.equal("exit 6", plain.ended)
        assert.same(plain, result)
    end)
end)
