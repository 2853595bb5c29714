#version 330
in vec3 p, n, at;
in vec2 masked;  // gum, tongue
in vec3 open_;
out vec4 colour;
uniform vec3 enamel, gum;
uniform float mouth_open;
uniform sampler2D noise_map;
#include light.glsl

void main() {
    vec3 v = normalize(camera - p), normal = normalize(n);
    if (dot(normal, v) < 0.0) normal = -normal;
    float tongue = masked.y;
    vec4 grain = texture(noise_map, at.xz * 40.0) - 0.5;
    vec3 albedo = mix(enamel, gum, smoothstep(0.3, 0.7, masked.x));
    albedo = mix(albedo, gum * vec3(1.05, 0.85, 0.85) * (1.0 + 0.4 * grain.z), tongue);
    float behind = at.y + 0.021;  // metres behind the incisors
    float reach = exp(-pow(max(behind, 0.0) / mix(0.022, 0.020, tongue), 1.5));
    float open = mouth_open * (0.06 + 0.94 * reach);
    float s1 = mix(0.35, 1.0, open_.y), s2 = mix(0.35, 1.0, open_.z);
    vec3 lit = around(normal) * open + open * (key_colour * s1 * wrapped(dot(normal, key)) + fill_colour * s2 * wrapped(dot(normal, fill)));
    vec3 c = albedo * lit;
    float rough = mix(0.22, 0.4, tongue);
    c += open * 0.8 * (key_colour * s1 * max(dot(normal, key), 0.0) * min(gloss(normal, key, v, rough), 4.0) + fill_colour * s2 * max(dot(normal, fill), 0.0) * min(gloss(normal, fill, v, rough), 4.0));
    c += open * around(reflect(-v, normal)) * 0.04;
    colour = vec4(shown(c), 1.0);
}
