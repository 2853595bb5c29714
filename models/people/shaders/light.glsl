// Light on a surface: a key and a second lamp, and light from all around.
uniform vec3 camera, key, key_colour, fill, fill_colour;
uniform vec3 ambient[4];

vec3 around(vec3 n) { return max(ambient[0] + ambient[1] * n.x + ambient[2] * n.y + ambient[3] * n.z, 0.0); }

// Schlick's (1 - cosine)^5.
float grazing(float cosine) {
    float x = 1.0 - max(cosine, 0.0), x2 = x * x;
    return x2 * x2 * x;
}

// Reflection of a rough dielectric: Trowbridge-Reitz, Schlick.
float gloss(vec3 n, vec3 l, vec3 v, float rough) {
    vec3 h = normalize(l + v);
    float a = rough * rough, nh = max(dot(n, h), 0.0), d = nh * nh * (a * a - 1.0) + 1.0;
    float f = 0.028 + 0.972 * grazing(dot(h, v));
    return a * a / (d * d) * f * 0.25 / max(max(dot(n, v), dot(n, l)), 0.15);
}

// Light that comes back out of skin beside where it fell reaches round the terminator, red farthest.
vec3 wrapped(float d) { return max((vec3(d) + vec3(0.32, 0.13, 0.07)) / vec3(1.32, 1.13, 1.07), 0.0); }

// To and from sRGB by roots and powers, within 0.002, since processors that draw are slow at pow().
vec3 linear(vec3 c) { return c * (c * (c * 0.305306011 + 0.682171111) + 0.012522878); }
vec3 shown(vec3 light) {
    vec3 c = max(light / (1.0 + 0.12 * light), 0.0), s1 = sqrt(c), s2 = sqrt(s1), s3 = sqrt(s2);
    return 0.662002687 * s1 + 0.684122060 * s2 - 0.323583601 * s3 - 0.0225411470 * c;
}
