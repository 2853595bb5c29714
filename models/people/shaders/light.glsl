// Light on a surface: a key and a second lamp with shadows, and light from all around.
uniform vec3 camera, key, key_colour, fill, fill_colour;
uniform vec3 ambient[4];
uniform mat4 to_key, to_fill;
uniform sampler2DShadow key_shadow, fill_shadow;
uniform float softness;

vec3 around(vec3 n) { return max(ambient[0] + ambient[1] * n.x + ambient[2] * n.y + ambient[3] * n.z, 0.0); }

float seen(sampler2DShadow map, mat4 to, vec3 p, float spread) {
    vec3 q = (to * vec4(p, 1.0)).xyz;
    float s = spread, sum = texture(map, q);
    sum += texture(map, q + vec3(s, 0.4 * s, 0)) + texture(map, q + vec3(-0.4 * s, s, 0)) + texture(map, q + vec3(-s, -0.4 * s, 0)) + texture(map, q + vec3(0.4 * s, -s, 0));
    return sum * 0.2;
}

// Reflection of a rough dielectric: Trowbridge-Reitz, Schlick.
float gloss(vec3 n, vec3 l, vec3 v, float rough) {
    vec3 h = normalize(l + v);
    float a = rough * rough, nh = max(dot(n, h), 0.0), d = nh * nh * (a * a - 1.0) + 1.0;
    float f = 0.028 + 0.972 * pow(1.0 - max(dot(h, v), 0.0), 5.0);
    return a * a / (d * d) * f * 0.25 / max(max(dot(n, v), dot(n, l)), 0.15);
}

// Light that comes back out of skin beside where it fell reaches round the terminator, red farthest.
vec3 wrapped(float d) { return max((vec3(d) + vec3(0.32, 0.13, 0.07)) / vec3(1.32, 1.13, 1.07), 0.0); }

vec3 shown(vec3 linear) {
    vec3 c = linear / (1.0 + 0.12 * linear);
    return pow(max(c, 0.0), vec3(1.0 / 2.2));
}
