#version 330
in vec3 p, n, at;
in vec2 masked;
in vec3 open_;
out vec4 colour;
uniform sampler2D colour_map, relief_map, folds_map_a, folds_map_b;
uniform vec4 folds_a, folds_b;  // strength of each group of folds
uniform float pores, fold_depth, mouth_open;
#include place.glsl
#include light.glsl

// A normal pushed by heights (metres) that neighbouring pixels differ in.
vec3 bumped(vec3 normal, float height) {
    vec3 dx = dFdx(p), dy = dFdy(p), r1 = cross(dy, normal), r2 = cross(normal, dx);
    float det = dot(dx, r1);
    vec3 slope = sign(det) * (dFdx(height) * r1 + dFdy(height) * r2);
    return normalize(abs(det) * normal - slope);
}

void main() {
    vec3 v = normalize(camera - p), normal = normalize(n);
    vec2 uv = place(at);
    vec4 painted = texture(colour_map, uv), relief = texture(relief_map, uv) - 0.5;
    vec4 fa = (texture(folds_map_a, uv) - 0.5) * folds_a, fb = (texture(folds_map_b, uv) - 0.5) * folds_b;
    float folds = fa.x + fa.y + fa.z + fa.w + fb.x + fb.y + fb.z + fb.w + relief.y;
    vec3 albedo = linear(painted.rgb);
    float inside = smoothstep(0.4, 0.85, masked.y) * (1.0 - smoothstep(0.3, 0.7, masked.x));
    normal = bumped(normal, pores * relief.x + fold_depth * folds * (1.0 - inside));
    albedo *= 1.0 + 0.35 * min(folds, 0.0);  // what lies in a fold sees less light
    float open = 0.10 + 0.90 * open_.x;
    albedo = mix(albedo, vec3(0.36, 0.09, 0.08), inside);
    open = mix(open, mouth_open * (0.05 + 0.5 * smoothstep(0.012, -0.026, at.y)), inside);
    float rough = mix(mix(0.62, 0.34, painted.a), 0.3, inside);
    float s1 = open_.y, s2 = open_.z;
    vec3 bleed = vec3(0.06, 0.015, 0.01);
    float d1 = dot(normal, key), d2 = dot(normal, fill), half_open = mix(1.0, open, 0.5 + 0.5 * inside);
    vec3 lit = around(normal) * open + half_open * (key_colour * wrapped(d1) * mix(vec3(s1), vec3(1.0), bleed) + fill_colour * wrapped(d2) * mix(vec3(s2), vec3(1.0), bleed));
    vec3 c = albedo * lit;
    c += half_open * (key_colour * s1 * max(d1, 0.0) * gloss(normal, key, v, rough) + fill_colour * s2 * max(d2, 0.0) * gloss(normal, fill, v, rough));
    c += open * around(reflect(-v, normal)) * (0.02 + 0.35 * grazing(dot(normal, v))) * (1.0 - rough);
    colour = vec4(shown(c), 1.0);
}
