#version 330
in vec3 p, n, at;  // at: direction from the eyeball's centre, in the eye's own frame, -y ahead
in vec2 masked;
in vec3 open_;
out vec4 colour;
uniform vec3 iris, iris_inner, white;
uniform float iris_angle, pupil, fibres, limbus, veins, seed;
uniform mat3 gaze;               // eye to skull
uniform vec3 axis;               // ahead, in space
uniform vec3 lid_top[2], lid_bottom[2];  // per eye, height over the centre in radii: a + b x + c x^2
uniform sampler2D noise_map;
#include light.glsl

void main() {
    vec3 v = normalize(camera - p), d = normalize(at);
    float angle = acos(clamp(-d.y, -1.0, 1.0));
    vec2 flat_ = d.xz / max(length(d.xz), 1e-4);
    float r = angle / iris_angle;  // 1 at the limbus
    // The cornea stands out in front of the iris: its own normal, and the iris seen a little from the side.
    vec3 normal = normalize(n);
    vec3 out_ = normal - axis * dot(normal, axis);
    vec3 cornea = normalize(normal + 0.55 * out_ * smoothstep(1.15, 0.9, r));
    vec2 side = vec2(dot(v, normalize(cross(axis, vec3(0, 0, 1)))), v.z - axis.z * dot(v, axis));
    vec2 look = d.xz / iris_angle - 0.0 * side;
    float turn = atan(flat_.y, flat_.x) / 6.2831853;
    vec4 fibre = texture(noise_map, vec2(turn * 2.0 + seed, 0.12 * r + seed)), thin = texture(noise_map, vec2(turn * 5.0, 0.2 * r + 2.0 * seed));
    float pattern = 0.6 * (fibre.z - 0.5) + 0.7 * (thin.w - 0.5);
    float collarette = pupil + 0.25 + 0.25 * (fibre.y - 0.5);
    vec3 c_iris = mix(iris_inner, iris, smoothstep(collarette - 0.1, collarette + 0.15, r));
    c_iris *= (1.0 + 2.2 * fibres * pattern) * mix(1.25, 0.9, smoothstep(0.35, 0.8, r));
    c_iris *= 1.0 - limbus * smoothstep(0.80, 1.0, r);
    vec4 vein = texture(noise_map, d.xz * 1.3 + seed);
    float nasal = smoothstep(0.35, 0.95, angle);
    vec3 sclera = white * mix(vec3(1.0), vec3(0.93, 0.66, 0.60), clamp(0.45 * nasal + (0.2 + veins) * nasal * smoothstep(0.1, 0.2, vein.z - 0.5), 0.0, 1.0));
    vec3 albedo = mix(c_iris, sclera, smoothstep(0.93, 1.06, r));
    albedo = mix(vec3(0.004), albedo, smoothstep(pupil - 0.05, pupil + 0.05, r));
    // What the lids take of the light.
    vec3 h = gaze * d;
    int e = masked.x > 0.5 ? 1 : 0;
    vec3 powers = vec3(1.0, h.x, h.x * h.x);
    float below = dot(lid_top[e], powers) - h.z, above = h.z - dot(lid_bottom[e], powers);
    float open = (0.25 + 0.75 * smoothstep(-0.02, 0.30, below)) * (0.6 + 0.4 * smoothstep(-0.02, 0.12, above));
    float s1 = mix(0.2, 1.0, open_.y) * open, s2 = mix(0.2, 1.0, open_.z) * open;
    vec3 lit = around(normal) * open + key_colour * wrapped(dot(normal, key)) * s1 + fill_colour * wrapped(dot(normal, fill)) * s2;
    vec3 c = albedo * lit * 0.95;
    float wet = 0.9 * open;
    c += wet * (key_colour * s1 * max(dot(cornea, key), 0.0) * min(gloss(cornea, key, v, 0.11), 12.0) + fill_colour * s2 * max(dot(cornea, fill), 0.0) * min(gloss(cornea, fill, v, 0.16), 6.0));
    vec3 mirrored = reflect(-v, cornea);
    float window = smoothstep(0.30, 0.36, mirrored.z) * smoothstep(0.75, 0.68, mirrored.z) * smoothstep(0.42, 0.36, abs(mirrored.x - 0.25));
    c += wet * around(mirrored) * (0.03 + 0.35 * grazing(dot(cornea, v)) + 0.12 * window);
    colour = vec4(shown(c), 1.0);
}
