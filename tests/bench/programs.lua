-- SPDX-License-Identifier: Apache-2.0
-- The programs that `make bench` runs, as files (not scripts that find them), and work for them. Input is made once, in
-- the folder for work, and is the same each time.

local support = require "tests.lib.support"

local programs = {}

local NPM <const> = (os.getenv("NPM") or "build/npm") .. "/node_modules"

-- Commands that say where a program is.
local places <const> = {
    ["true"] = "echo /usr/bin/true",
    python3 = "python3 -c 'import sys; print(sys.executable)'",
    cc1plus = "g++ -print-prog-name=cc1plus",
    clang = "command -v clang || command -v clang-14",
    rustc = "echo $(rustc --print sysroot)/bin/rustc",
    ["go compile"] = "echo $(go env GOTOOLDIR)/compile",
    deno = ("find -L %s/@deno -name deno -size +10M"):format(NPM),
    bun = ("find -L %s/@oven %s/bun -name 'bun*' -size +10M | sort -r"):format(NPM, NPM),
    tsc = ("ls %s/typescript/lib/tsc.js"):format(NPM),
}

local found = {}

--- The file of a program; nil: it is not here.
function programs.find(name)
    if found[name] == nil then
        local path = support.shell((places[name] or "command -v " .. name) .. " 2>/dev/null").out:match("(/?[^\n]+)")
        local real = path and support.run({ "realpath", "-e", path }).out:match("[^\n]+")
        found[name] = real or false
    end
    return found[name] or nil
end

-- ---- input --------------------------------------------------------------------------------------

-- A file with what `make` gives, unless it is there.
local function input(folder, name, make)
    local path = folder .. "/" .. name
    if not support.read_file(path) then support.write_file(path, make()) end
    return path
end

-- `count` pieces of text, in which N is the number of each.
local function many(count, piece)
    local list = {}
    for i = 1, count do list[i] = (piece:gsub("N", tostring(i))) end
    return table.concat(list)
end

local function cxx()
    return [[
#include <algorithm>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>
template <int I> struct item { int key; std::string name; bool operator<(const item &o) const { return key < o.key; } };
]] .. many(2, [[
int work_N(const std::string &text)
{
    std::map<std::string, item<N>> all;
    std::vector<item<N>> list;
    std::istringstream in(text);
    for (std::string word; in >> word;) list.push_back(all[word] = {static_cast<int>(word.size()), word});
    std::sort(list.begin(), list.end());
    std::function<int(const item<N> &)> key = [](const item<N> &one) { return one.key + N; };
    return list.empty() ? 0 : key(list.front());
}
]])
end

local function c_file()
    return "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n" .. many(40, [[
int call_N(int n, char *s) { int k = 0; for (int i = 0; i < n; i++) k += s[i] * N; return k ^ (int)strlen(s); }
]])
end

local function javascript()
    return [[
let list = [], hash = 0;
for (let i = 0; i < 120000; i++) list.push({ key: i * 7919 % 100003, name: "name " + i, tags: [i % 7, i % 11] });
for (let round = 0; round < 3; round++) {
    list.sort((a, b) => a.key - b.key || (a.name < b.name ? -1 : 1));
    let copy = JSON.parse(JSON.stringify(list));
    for (let one of copy) if (/^name (\d+)7$/.test(one.name)) hash = (hash * 31 + one.key) | 0;
    list = copy.reverse();
}
console.log(hash);
]]
end

local function python()
    return [[
import json, re
rows = [{"key": i * 7919 % 100003, "name": "name %d" % i, "tags": [i % 7, i % 11]} for i in range(60000)]
total = 0
for turn in range(3):
    rows.sort(key=lambda row: (row["key"], row["name"]))
    rows = json.loads(json.dumps(rows))
    total += sum(row["key"] for row in rows if re.match(r"name \d+7$", row["name"]))
print(total)
]]
end

local function rust()
    return "use std::collections::HashMap;\n" .. many(5, [[
pub struct ItemN { pub key: u32, pub name: String }
pub fn work_N(text: &str) -> Vec<ItemN> {
    let mut all: HashMap<String, u32> = HashMap::new();
    for word in text.split_whitespace() { *all.entry(word.to_string()).or_insert(N) += 1; }
    let mut list: Vec<ItemN> = all.into_iter().map(|(name, key)| ItemN { key, name }).collect();
    list.sort_by(|a, b| a.key.cmp(&b.key).then(a.name.cmp(&b.name)));
    list
}
]])
end

local function go()
    return "package work\n" .. many(300, [[
type itemN struct { key int; name string; next *itemN }
func (i *itemN) sum(m map[string]*itemN) (k int) {
	for n, one := range m { if one != nil && len(n) > N { k += one.key; m[one.name] = i } }
	for p := i; p != nil; p = p.next { switch { case p.key > N: k++; case p.name == "": k--; default: k ^= p.key } }
	return
}
]])
end

local function typescript()
    return many(150, [[
interface ItemN<T> { key: number; value: T; next?: ItemN<T>; map<U>(f: (v: T) => U): ItemN<U> }
function workN<T extends { id: number }>(list: ItemN<T>[]): Map<number, ItemN<T["id"]>> {
    const all = new Map<number, ItemN<T["id"]>>();
    for (const one of list) all.set(one.key, one.map(v => v.id));
    return all;
}
]])
end

-- ---- commands -----------------------------------------------------------------------------------

-- Functions that give a command of the program `file`, with input in `folder`.
local commands = {}

commands["cc1plus -O1"] = { "cc1plus", function(file, folder)
    local source = input(folder, "x.cc", cxx)
    input(folder, "x.ii", function() return support.run({ "g++", "-E", source }).out end)
    return { file, "-quiet", "-fpreprocessed", "-O1", folder .. "/x.ii", "-o", "/dev/null" }
end }
commands["clang -O1"] = { "clang", function(file, folder)
    return { file, "-x", "c++", "-O1", "-c", input(folder, "x.cc", cxx), "-o", folder .. "/x.clang.o" }
end }
commands["node tsc"] = { "node", function(file, folder)
    local tsc = programs.find "tsc"
    if not tsc then return nil, "TypeScript is not here: npm install --prefix build/npm typescript" end
    return { file, tsc, "--noEmit", "--target", "es2020", input(folder, "x.ts", typescript) }
end }
for _, name in ipairs { "node", "deno", "bun" } do
    commands[name .. " sort, JSON"] = { name, function(file, folder)
        return support.concat({ file }, name ~= "node" and { "run" }, { input(folder, "x.js", javascript) })
    end }
end
commands["rustc -O1"] = { "rustc", function(file, folder)
    return { file, "--edition", "2018", "--crate-type", "lib", "-C", "opt-level=1", "--emit", "obj", "-o",
        folder .. "/x.rust.o", input(folder, "x.rs", rust) }
end }
commands["go compile"] = { "go compile", function(file, folder)
    return { file, "-p", "work", "-o", folder .. "/x.go.a", input(folder, "x.go", go) }
end }
commands["python3 sort, JSON"] = { "python3", function(file, folder)
    return { file, input(folder, "x.py", python) }
end }

commands["cc1plus -O1, short"] = { "cc1plus", function(file, folder)
    local source = input(folder, "y.c", c_file)
    input(folder, "y.ii", function() return support.run({ "g++", "-E", source }).out end)
    return { file, "-quiet", "-fpreprocessed", "-O1", folder .. "/y.ii", "-o", "/dev/null" }
end }
commands["clang -fsyntax-only"] = { "clang", function(file, folder)
    return { file, "-fsyntax-only", input(folder, "y.c", c_file) }
end }
commands["clang -O1, short"] = { "clang", function(file, folder)
    return { file, "-O1", "-c", input(folder, "y.c", c_file), "-o", folder .. "/y.o" }
end }
commands["node -e"] = { "node", function(file) return { file, "-e", "JSON.parse('{\"a\": [1, 2]}')" } end }
commands["git status"] = { "git", function(file) return { file, "--no-optional-locks", "status", "--short" } end }
commands["python3 -c"] = { "python3", function(file) return { file, "-c", "import json, re, argparse" } end }

for name, words in pairs {
    ["true"] = {}, ["git"] = { "--version" }, ["python3"] = { "-c", "0" }, ["node"] = { "-e", "0" },
    ["clang"] = { "--version" }, ["promtool"] = { "--version" }, ["deno"] = { "--version" }, ["bun"] = { "--version" },
} do
    commands[name .. " start"] = { name, function(file) return support.concat({ file }, words) end }
end
commands["cc1plus start"] = { "cc1plus", function(file, folder)
    return { file, "-quiet", input(folder, "empty.cc", function() return "\n" end), "-o", "/dev/null" }
end }

--- The command of a name.
-- @string name
-- @string folder for its input and output
-- @treturn[1] table words
-- @treturn[2] nil, string why it cannot be run here
function programs.command(name, folder)
    local program, make = table.unpack(commands[name])
    local file = programs.find(program)
    if not file then return nil, program .. " is not here" end
    return make(file, folder)
end

--- The cases of a part: one for each program, whose command `run(command, i)` measures.
-- @tparam table names of programs
-- @string suffix behind each name, for `programs.command`
-- @string folder for what the commands need
-- @func run
-- @treturn table list of `name` and `run`, as tests/tools/bench takes it
function programs.cases(names, suffix, folder, run)
    local list = {}
    for i, name in ipairs(names) do
        list[i] = { name = name, run = function()
            local command, why = programs.command(name .. suffix, folder)
            if not command then return nil, why end
            return run(command, i)
        end }
    end
    return list
end

return programs
