// SPDX-License-Identifier: Apache-2.0
// Classes that are compiled, loaded and given up, over and over; native libraries that are loaded late.
import java.lang.ref.WeakReference;
import java.lang.reflect.Proxy;
import java.util.*;
import java.util.zip.*;

public class Classes {
    interface Adder { int add(int a, int b); }

    static final class Loader extends ClassLoader {
        Class<?> again(Class<?> type) throws Exception {
            try (var in = type.getResourceAsStream(type.getSimpleName() + ".class")) {
                byte[] bytes = in.readAllBytes();
                return defineClass(type.getName(), bytes, 0, bytes.length);
            }
        }
    }

    public static void main(String[] words) throws Exception {
        List<WeakReference<Class<?>>> all = new ArrayList<>();
        boolean right = true;
        for (int i = 0; i < 500; i++) {
            Class<?> type = new Loader().again(Test.class);
            right &= type != Test.class && type.getDeclaredMethods().length > 2;
            all.add(new WeakReference<>(type));
        }
        int left = all.size();
        for (int i = 0; i < 50 && left > 1; i++) {
            System.gc();
            left = (int) all.stream().filter(type -> type.get() != null).count();
        }
        Test.is("classes that are given up", right && left <= 1);

        int sum = 0;
        for (int i = 0; i < 20_000; i++) {
            Adder adder = (Adder) Proxy.newProxyInstance(Classes.class.getClassLoader(), new Class<?>[] { Adder.class },
                (proxy, method, values) -> (Integer) values[0] + (Integer) values[1]);
            sum += adder.add(i, -1);
        }
        Test.is("proxies", sum == 20_000 / 2 * 19_999 - 20_000);

        byte[] text = "words and more words ".repeat(10_000).getBytes(), packed = new byte[text.length];
        Deflater deflater = new Deflater();
        deflater.setInput(text);
        deflater.finish();
        int length = deflater.deflate(packed);
        Inflater inflater = new Inflater();
        inflater.setInput(packed, 0, length);
        byte[] unpacked = new byte[text.length];
        inflater.inflate(unpacked);
        Test.is("zlib", Arrays.equals(text, unpacked));

        var digest = java.security.MessageDigest.getInstance("SHA-256");
        byte[] once = digest.digest(text), twice = digest.digest(text);
        Test.is("digests", Arrays.equals(once, twice));
        var key = new javax.crypto.spec.SecretKeySpec(new byte[16], "AES");
        var cipher = javax.crypto.Cipher.getInstance("AES/CTR/NoPadding");
        cipher.init(1, key, new javax.crypto.spec.IvParameterSpec(new byte[16]));
        byte[] secret = cipher.doFinal(text);
        cipher.init(2, key, new javax.crypto.spec.IvParameterSpec(new byte[16]));
        Test.is("ciphers", Arrays.equals(cipher.doFinal(secret), text));
        Test.end();
    }
}
