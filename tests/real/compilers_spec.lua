-- SPDX-License-Identifier: Apache-2.0
-- Compilers make the same under tiexec, and their text is huge. Most of it is in libraries.

local specimen = require "tests.lib.specimen"

local cxx <const> = [[
#include <algorithm>
#include <map>
#include <string>
#include <vector>
struct Shape { virtual ~Shape() = default; virtual double area() const = 0; };
template <int N> struct Box : Shape { double side = N; double area() const override { return side * side; } };
double sum(const std::map<std::string, std::vector<int>> &all)
{
    double total = Box<3>().area();
    for (const auto &[name, list] : all)
        total += *std::max_element(list.begin(), list.end()) * static_cast<double>(name.size());
    return total;
}
]]

local rust <const> = [[
use std::collections::BTreeMap;
fn unused() {}
pub fn count(text: &str) -> BTreeMap<char, usize> {
    let mut map = BTreeMap::new();
    for c in text.chars() { *map.entry(c).or_insert(0) += 1; }
    map
}
fn main() { println!("{:?}", count("m\u{fc}llm\u{fc}ll")); }
]]

describe("under tiexec, the compiler", function()
    setup(specimen.prepare(160))
    teardown(specimen.restore)

    specimen.define("cc1plus", function()
        local compiler = specimen.cc1plus()
        if not compiler then return nil, "g++ is not installed" end
        return specimen.program({ compiler, "-quiet", "-O2", "-imultiarch", "x86_64-linux-gnu", "-o", "-" }, cxx)()
    end, 20 << 20)

    specimen.define("clang", specimen.program(
        { "/usr/bin/clang", "-O2", "-S", "-x", "c", "-o", "-", "-" },
        "#include <stdio.h>\nint main(void) { for (int i = 0; i < 9; i++) printf(\"%d\\n\", i * i); return 0; }\n"),
        140 << 20)

    specimen.define("rustc -V", specimen.program { "/usr/bin/rustc", "-V" }, 140 << 20)

    -- The compiler warns of what is unused. It waits when it writes the warning.
    specimen.define("rustc", function()
        local program, why = specimen.program({ "/usr/bin/rustc", "-O", "--emit=asm", "-C", "codegen-units=1" }, rust,
            { errors_too = true })()
        if not program then return nil, why end
        program.result = program.folder.path .. "/out.s"
        for _, word in ipairs { "-o", program.result, "-" } do table.insert(program.words, word) end
        return program
    end, 140 << 20)
end)
