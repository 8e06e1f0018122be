// SPDX-License-Identifier: Apache-2.0
// Other processes: their output, their ends, many at a time, and what the JVM's own tools say of this one.
import java.util.*;
import java.util.concurrent.TimeUnit;

public class Spawning {
    public static void main(String[] words) throws Exception {
        boolean right = true;
        for (int i = 0; i < 60; i++) {
            String[] got = Test.run("sh", "-c", "echo $0; exit $1", "word" + i, String.valueOf(i % 50));
            right &= got[0].equals(String.valueOf(i % 50)) && got[1].equals("word" + i + "\n");
        }
        Test.is("output and status", right);

        List<Process> many = new ArrayList<>();
        for (int i = 0; i < 40; i++) many.add(new ProcessBuilder("sleep", "60").start());
        for (Process process : many) process.destroy();
        right = true;
        for (Process process : many) right &= process.waitFor(30, TimeUnit.SECONDS) && process.exitValue() == 143;
        Test.is("many at a time", right);

        Process cat = new ProcessBuilder("cat").start();
        byte[] bytes = new byte[1 << 20];
        new Random(5).nextBytes(bytes);
        Thread writer = new Thread(() -> {
            try (var out = cat.getOutputStream()) { out.write(bytes); } catch (java.io.IOException e) { }
        });
        writer.start();
        Test.is("through a pipe", Arrays.equals(bytes, cat.getInputStream().readAllBytes()) && cat.waitFor() == 0);

        Test.is("handles", ProcessHandle.current().pid() > 0 && ProcessHandle.current().children().count() == 0);
        boolean missing = Test.throwsA(java.io.IOException.class, () -> new ProcessBuilder("/no/such/file").start());
        Test.is("no such file", missing);

        String[] version = Test.run("java", "-version");
        Test.is("a JVM", version[0].equals("0") && version[1].contains("64-Bit"));
        String tool = System.getProperty("java.home") + "/bin/jcmd";
        String pid = String.valueOf(ProcessHandle.current().pid());
        String[] threads = Test.run(tool, pid, "Thread.print");
        Test.is("jcmd", threads[0].equals("0") && threads[1].contains("Spawning.main"));
        Test.end();
    }
}
