-- SPDX-License-Identifier: Apache-2.0
-- Large programs that run to an end: interpreters, git, databases.

local specimen = require "tests.lib.specimen"
local support = require "tests.lib.support"

local program = specimen.program

describe("under tiexec,", function()
    setup(specimen.prepare(64))
    teardown(specimen.restore)

    specimen.define("node", program({ "/usr/bin/node", "-e", [[
        const zlib = require("zlib"), crypto = require("crypto");
        const text = require("fs").readFileSync(0);
        const fib = n => n < 2 ? n : fib(n - 1) + fib(n - 2);
        const digest = crypto.createHash("sha256").update(zlib.gzipSync(text)).digest("hex");
        require("fs").writeSync(1, `${fib(27)} ${digest}\n`); // console.log would not wait in write(2)
        process.exitCode = 6;
    ]] }, ("gr\u{fc}n\n"):rep(50000), { status = 6 }), 26 << 20)

    specimen.define("python3", program({ "/usr/bin/python3", "-" }, [[
import hashlib, re, sys
words = re.findall(r'\w+', ' '.join('%d gr\u00fcn %x' % (i, i * i) for i in range(50000)))
print(hashlib.sha256(' '.join(sorted(set(words))).encode()).hexdigest(), 3 ** 5000 % 10 ** 20)
sys.exit(4)
]], { status = 4 }), 2 << 20)

    specimen.define("git log -p", function()
        local made, why = program({ "git", "--no-pager", "log", "-p", "--stat", "--no-color" }, nil,
            { environment = { GIT_CONFIG_GLOBAL = "/dev/null" } })()
        if not made then return nil, why end
        local repo = made.folder.path .. "/repo"
        local result = support.shell(("git init -q %s && cd %s &&"):format(repo, repo) .. [[
            for commit in $(seq 300); do
                echo commit refs/heads/main
                echo "committer a <a@example.org> $((1600000000 + commit)) +0000"
                echo data 3; echo "$((commit + 100))"
                for file in 1 2 3; do
                    text=$(seq $((commit * file)) $((commit * file + 300)))
                    echo "M 100644 inline file$file"; echo "data ${#text}"; echo "$text"
                done
            done | git fast-import --quiet]])
        assert.equal(0, result.code, result.err)
        for i, word in ipairs { "-C", repo } do table.insert(made.words, 1 + i, word) end
        table.insert(made.words, "main")
        return made
    end, 2 << 20)

    -- Bootstrap mode reads SQL from its standard input; errors go to standard error, where it waits.
    specimen.define("mariadbd --bootstrap", function()
        local made, why = program({ "/usr/sbin/mariadbd", "--no-defaults", "--bootstrap", "--skip-networking",
            "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M", "--user=root" }, nil,
            { errors_too = true, is_log = true })()
        if not made then return nil, why end
        local data = made.folder.path .. "/data"
        made.result, made.before = data .. "/result", ("rm -rf %s && mkdir %s"):format(data, data)
        made.input = made.folder.path .. "/input"
        support.write_file(made.input, ([[
create database if not exists d;
use d;
create or replace table t (n int primary key, s varchar(60) character set utf8mb4) engine=innodb;
insert into t select seq, concat('gr\u{fc}n ', sha1(seq)) from seq_1_to_5000;
select count(*), sum(n), max(s), md5(group_concat(s order by n)) from t into outfile '%s';
]]):format(made.result))
        table.insert(made.words, "--datadir=" .. data)
        return made
    end, 10 << 20)
end)
