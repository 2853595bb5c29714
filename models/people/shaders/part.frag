#version 330
// Cloth, plastic, metal; and glass, whose colour comes multiplied by its alpha.
in vec3 p, n;
in vec2 at;
in vec3 open_;
out vec4 colour;
uniform sampler2D picture;
uniform float rough, metal, glass;
#include light.glsl

void main() {
    vec3 v = normalize(camera - p), normal = normalize(n);
    if (dot(normal, v) < 0.0) normal = -normal;
    vec4 painted = texture(picture, at);
    vec3 albedo = linear(painted.rgb);
    float open = 0.10 + 0.90 * open_.x, half_open = 0.5 + 0.5 * open;
    float d1 = dot(normal, key), d2 = dot(normal, fill);
    vec3 lamp1 = key_colour * open_.y, lamp2 = fill_colour * open_.z;
    if (glass > 0.5) {
        vec3 mirrored = reflect(-v, normal);
        float window = smoothstep(0.25, 0.32, mirrored.z) * smoothstep(0.75, 0.65, mirrored.z) * smoothstep(0.30, 0.22, abs(mirrored.x - 0.35 * sign(key.x)));
        float f = 0.04 + 0.6 * grazing(dot(normal, v));
        vec3 mirror = around(mirrored) * (f + 6.0 * rough * window);
        mirror += lamp1 * min(gloss(normal, key, v, 0.12), 8.0) * step(0.0, d1);
        colour = vec4(shown(albedo * around(normal)) * painted.a + min(0.9 * mirror, 0.25), clamp(painted.a + 0.5 * f, 0.0, 1.0));
        return;
    }
    vec3 lit = around(normal) * open + half_open * (lamp1 * max((d1 + 0.1) / 1.1, 0.0) + lamp2 * max((d2 + 0.1) / 1.1, 0.0));
    vec3 tint = mix(vec3(1.0), 24.0 * albedo, metal);
    vec3 c = albedo * lit * mix(1.0, 0.25, metal);
    c += tint * half_open * (lamp1 * max(d1, 0.0) * min(gloss(normal, key, v, rough), 6.0) + lamp2 * max(d2, 0.0) * min(gloss(normal, fill, v, rough), 6.0));
    c += open * around(reflect(-v, normal)) * mix(vec3(0.02 + 0.3 * grazing(dot(normal, v))), albedo, metal) * (1.0 - 0.9 * rough);
    colour = vec4(shown(c), painted.a);
}
